"""An endpoint that says that it is gone: left alone from then on, seen by everybody, asked again when people say so."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.hub.pipeline import Hub
from schemas.codec import Codec
from schemas.messages import SYSTEM_PAUSE
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call import PAUSES
from streams.processors.call.connections import Addresses
from streams.processors.call.gone import Gone
from streams.processors.call.pauses import Pauses
from streams.processors.call.processor import carry_out, hub_for
from tests.support import peers
from tests.support.calls import command
from tests.support.data import payload

SECRET = "whsec_" + base64.b64encode(b"the secret of the shop").decode()


async def sent(hub: Hub, attempt: int) -> Mapping[str, Any]:
    asked = command("", attempt=attempt).data
    arguments = payload({"connection": "Shop", "body": {"type": "order.shipped"}})
    return await carry_out({**asked, "function": "webhook.send", "arguments": arguments, "effect": None}, hub)


async def test_gone_endpoint_is_left_alone_until_somebody_resumes_it(tmp_path: Path) -> None:
    pauses = Pauses()
    gone = Gone(pauses)
    async with peers.peer(peers.status(410), peers.status(200)) as peer:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "connections.yaml").write_text(
            f"shop: {{url: '{peer.url}', authentication: {{webhook: {{secret: '${{file:secret}}'}}}}}}\n"
        )
        async with hub_for(Settings(), Addresses(Settings(), Site(tmp_path)), pauses, gone.note) as hub:
            told = [await sent(hub, attempt) for attempt in range(3)]
            assert [each["error"]["reason"] for each in told] == ["MISCONFIGURED", "UNREACHED", "UNREACHED"]
            assert "exlify systems show shop" in told[1]["error"]["detail"] and peer.count == 1
            (pause,) = gone.untold()
            gone.told([pause])
            assert gone.untold() == []
            pauses.learn(msgspec.structs.replace(pause, paused=False))
            assert (await sent(hub, 3))["status"] == "completed"
    record = pause.outgoing(codec := Codec.offline())
    name, data = codec.decode(record.value)
    assert (record.topic, record.key, name) == (PAUSES, b"shop", SYSTEM_PAUSE)
    assert (data["paused"], data["until_ms"], data["actor"]) == (True, None, "exlify") and "410" in data["why"]


async def test_endpoint_that_fails_otherwise_and_another_call_that_is_told_410_pause_nothing(tmp_path: Path) -> None:
    pauses = Pauses()
    gone = Gone(pauses)
    async with peers.peer(peers.status(404), peers.status(410)) as peer:
        (tmp_path / "secret").write_text(SECRET)
        (tmp_path / "connections.yaml").write_text(
            f"shop: {{url: '{peer.url}', authentication: {{webhook: {{secret: '${{file:secret}}'}}}}}}\n"
        )
        async with hub_for(Settings(), Addresses(Settings(), Site(tmp_path)), pauses, gone.note) as hub:
            assert (await sent(hub, 0))["error"]["status"] == 404
            assert (await carry_out(command(peer.url).data, hub))["error"]["status"] == 410
    assert (gone.untold(), pauses.all()) == ([], {})
