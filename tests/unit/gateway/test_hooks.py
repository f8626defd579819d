"""Webhooks: signed, fresh, and the same delivery the same event."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.identity import Identity, Webhook
from schemas.catalogue import current
from schemas.jsondata import to_json
from schemas.jsontext import text_at
from schemas.messages import APPLICATION_SUBMITTED
from schemas.samples import sample
from streams.catalogue import load_settings
from streams.gateway.hooks import FILE, Hooks, name_former_file, read_secret, secret_file
from streams.gateway.settings import HookSettings
from streams.gateway.webhooks import TOLERANCE_S, signed_headers
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from tests.support.gateways import NOW_S, SECRETS, AsyncGateway, Gateway

JSON = {"Content-Type": "application/json"}
PATH = "/v1/hooks/applications"


def application() -> bytes:
    data = to_json(sample(current()[APPLICATION_SUBMITTED]))
    return json.dumps(data | {"application_id": "A-17"}).encode()


async def deliver(
    gateway: Gateway,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    secret: bytes = SECRETS[0],
    at_s: int = NOW_S,
) -> tuple[int, Any]:
    """A delivery as its sender signs it; `headers` replace those that the signature stands in."""
    signed = signed_headers(secret, "msg_1", at_s, body) | (headers or {})
    return await gateway.ask("POST", PATH, data=body, headers=JSON | signed)


async def test_signed_delivery_becomes_an_event(gateway: Gateway) -> None:
    status, answer = await deliver(gateway, application())
    (record,) = gateway.outbox.records
    headers = dict(record.headers)
    assert (status, answer["accepted"][0]["id"]) == (202, "msg_1")
    assert (record.topic.name, record.key) == ("onboarding.event.application.v1", b"A-17")
    assert (headers["ce_id"], headers["ce_subject"], headers["ce_source"]) == (
        b"msg_1",
        b"A-17",
        b"/hooks/applications",
    )
    assert gateway.outbox.decoded()[0][0] == APPLICATION_SUBMITTED


async def test_old_secret_still_counts_while_it_is_kept(gateway: Gateway) -> None:
    assert (await deliver(gateway, application(), secret=SECRETS[1]))[0] == 202


async def test_one_of_several_signatures_is_enough(gateway: Gateway) -> None:
    good = signed_headers(SECRETS[0], "msg_1", NOW_S, application())["webhook-signature"]
    assert (await deliver(gateway, application(), {"webhook-signature": f"v1a,xyz v1,AAAA {good}"}))[0] == 202


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-id": "msg_2"},
        {"webhook-timestamp": str(NOW_S + 1)},
        {"webhook-timestamp": "now"},
        {"webhook-signature": "v1,é"},
    ],
)
async def test_delivery_that_does_not_prove_itself_is_refused(gateway: Gateway, changes: dict[str, str]) -> None:
    status, problem = await deliver(gateway, application(), changes)
    assert (status, problem["type"], gateway.outbox.records) == (401, "urn:exlify:problem:signature", [])


@pytest.mark.parametrize("offset_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1])
async def test_signature_does_not_last(gateway: Gateway, offset_s: int) -> None:
    status, problem = await deliver(gateway, application(), at_s=NOW_S + offset_s)
    assert status == 401 and "webhook-timestamp" in problem["detail"]
    assert gateway.outbox.records == []


async def test_changed_body_is_refused(gateway: Gateway) -> None:
    signed = signed_headers(SECRETS[0], "msg_1", NOW_S, application())
    status, _ = await gateway.ask("POST", PATH, data=application() + b" ", headers=JSON | signed)
    assert (status, gateway.outbox.records) == (401, [])


async def test_same_delivery_is_the_same_event(gateway: Gateway) -> None:
    await deliver(gateway, application())
    await deliver(gateway, application())
    assert gateway.outbox.records[0] == gateway.outbox.records[1]


async def test_unknown_hook_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.ask("POST", "/v1/hooks/nobody", data=b"{}"))[0] == 404


@pytest.mark.parametrize(("status", "body"), [(400, b"{"), (422, b"{}"), (422, b"[1]")])
async def test_signed_nonsense_is_refused(gateway: Gateway, status: int, body: bytes) -> None:
    found, _ = await deliver(gateway, body)
    assert (found, gateway.outbox.records) == (status, [])


async def test_gateway_takes_what_webhook_send_sends(settings: Settings) -> None:
    """Under the old secret, too, which the receiver still has; sent twice, it is one event."""
    ours = Identity(Webhook((b"a secret that it does not have yet", SECRETS[1])))
    call = HubCall(
        function="webhook.send",
        arguments={"connection": "them", "body": json.loads(application())},
        key="i/7/do/0/tell",
    )
    async with AsyncGateway(settings, clock=time.time) as gateway:
        urls = {"them": str(gateway.client.make_url(PATH))}
        async with standard_hub(urls, identity_of=lambda _: ours) as hub:
            first, again = await hub.carry_out(call), await hub.carry_out(call)
    ids = [dict(record.headers)["ce_id"].decode() for record in gateway.outbox.records]
    assert first.output == again.output == {"id": ids[0], "status": 202}
    assert len(set(ids)) == 1


async def test_other_media_types_are_refused(gateway: Gateway) -> None:
    signed = signed_headers(SECRETS[0], "msg_1", NOW_S, b"a=1")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await gateway.ask("POST", PATH, data=b"a=1", headers=form | signed))[0] == 415


def test_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks test themselves with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def written(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


@dataclass
class Place:
    """A data folder, a site folder, and the hooks that come of them."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(data_dir=self.folder / "data", site_dir=self.folder)
        self.site = Site(self.folder, self.environ)

    def write(self, text: str) -> None:
        (self.folder / FILE).write_text(text)

    def hooks(self) -> Hooks:
        return Hooks(self.settings, self.site)

    def look_twice(self) -> None:
        self.site.look()
        self.site.look()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_secrets_come_from_the_environment(place: Place) -> None:
    given = " ".join(written(secret) for secret in SECRETS)
    loaded = load_settings({"EXLIFY_HOOK_APPLICATIONS_SECRET": given, "EXLIFY_DATA_DIR": str(place.folder)})
    hooks = Hooks(loaded, place.site)
    assert hooks["applications"].secrets == SECRETS
    assert list(place.folder.iterdir()) == []
    assert "secret" not in repr(dict(hooks)).replace("secrets", "")


def test_secret_is_made_once_for_its_owner_only(place: Place) -> None:
    first = place.hooks()["applications"].secrets
    assert place.hooks()["applications"].secrets == first == (read_secret(place.settings, "applications"),)
    assert secret_file(place.settings, "applications").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["whsec_?", "short", "whsec_c2hvcnQ="])
def test_unfit_secret_names_its_variable(text: str) -> None:
    with pytest.raises(ConfigurationError, match="EXLIFY_HOOK_APPLICATIONS_SECRET") as caught:
        load_settings({"EXLIFY_HOOK_APPLICATIONS_SECRET": text})
    assert text not in str(caught.value)


def test_unfit_kept_secret_names_its_file(place: Place) -> None:
    place.hooks()
    secret_file(place.settings, "applications").write_text("short")
    with pytest.raises(ConfigurationError, match=r"hook-applications\.secret"):
        place.hooks()


def test_hooks_are_declared_by_a_file(place: Place) -> None:
    place.write("orders: {type: com.example.order.v1, subject: /order}")
    hooks = place.hooks()
    assert (hooks["orders"].source, hooks["orders"].subject) == ("/hooks/orders", "/order")
    assert set(hooks) == {"orders", "applications"}
    assert len({hook.secrets for hook in hooks.values()}) == 2


def test_secret_of_the_file_beats_the_environment(place: Place) -> None:
    (place.folder / "old").write_text(written(SECRETS[1]) + "\n")
    place.environ["NEW"] = written(SECRETS[0])
    place.write('orders: {type: t, secret: "${env:NEW} ${file:old}"}')
    place.settings = place.settings.with_(HookSettings(secrets={"orders": (b"of the environment",)}))
    assert place.hooks()["orders"].secrets == SECRETS


def test_hook_appears_and_goes_without_a_restart(place: Place) -> None:
    hooks = place.hooks()
    place.write("orders: {type: com.example.order.v1}")
    place.look_twice()
    assert hooks["orders"].type == "com.example.order.v1"
    (place.folder / FILE).unlink()
    place.look_twice()
    assert list(hooks) == ["applications"]


def test_faulty_change_leaves_hooks_in_force(place: Place) -> None:
    place.write("orders: {type: com.example.order.v1}")
    hooks = place.hooks()
    place.write("orders: {}")
    place.look_twice()
    assert hooks["orders"].type == "com.example.order.v1"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[", "not YAML"),
        ("orders: {}", "1:9: no type"),
        ("../x: {type: t}", "is no name of a hook"),
        ("orders: {type: t, colour: red}", "1:19: `colour` is no key here"),
        ("orders: {type: t, secret: whsec_plainly}", "1:27: a secret in the file"),
        ("orders: {type: t, secret: '${env:SHORT}'}", "1:27: it stands for no secret"),
        ("orders: {type: t, subject: order}", "1:28: no JSON Pointer"),
    ],
)
def test_unfit_declaration_is_told_with_its_place(place: Place, content: str, told: str) -> None:
    place.environ["SHORT"] = "whsec_c2hvcnQ="
    place.write(content)
    with pytest.raises(ConfigurationError) as caught:
        place.hooks()
    assert str(caught.value).startswith(str(place.folder / FILE))
    assert told in str(caught.value)
    assert "whsec_plainly" not in str(caught.value)


def test_former_hooks_file_is_named_with_its_remedy(place: Place) -> None:
    place.settings.data_dir.mkdir()
    (place.settings.data_dir / "hooks.json").write_text("{}")
    with capture_logs() as lines:
        name_former_file(place.settings)
    assert [line["file"] for line in lines] == [str(place.settings.data_dir / "hooks.json")]
    assert str(place.folder / FILE) in lines[0]["remedy"]


async def test_gateway_takes_deliveries_of_a_new_hook(place: Place) -> None:
    place.environ["ORDERS"] = written(SECRETS[0])
    async with AsyncGateway(place.settings, hooks=place.hooks()) as gateway:
        place.write("orders: {type: com.example.order.v1, secret: '${env:ORDERS}'}")
        place.look_twice()
        signed = signed_headers(SECRETS[0], "msg_1", NOW_S, b"{}")
        status, _ = await gateway.ask("POST", "/v1/hooks/orders", data=b"{}", headers=JSON | signed)
    assert status == 202


@pytest.mark.parametrize(
    ("pointer", "subject"), [("/a/b", "x"), ("/n", "7"), ("/missing", None), ("/a", None), (None, None), ("/x~1y", "z")]
)
def test_subject_is_found_by_its_pointer(pointer: str | None, subject: str | None) -> None:
    assert text_at({"a": {"b": "x"}, "n": 7, "x/y": "z"}, pointer) == subject
