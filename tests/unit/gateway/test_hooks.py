"""Webhooks: signed, fresh, and the same delivery the same event."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.jsondata import to_json
from schemas.messages import APPLICATION_SUBMITTED
from schemas.samples import sample
from streams.gateway.webhooks import TOLERANCE_S, load_hooks, read_secret, secret_file, signed_headers, subject_of
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from tests.unit.gateway.conftest import NOW_S, SECRETS, Gateway

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


async def test_other_media_types_are_refused(gateway: Gateway) -> None:
    signed = signed_headers(SECRETS[0], "msg_1", NOW_S, b"a=1")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await gateway.ask("POST", PATH, data=b"a=1", headers=form | signed))[0] == 415


def test_signature_is_that_of_the_standard() -> None:
    """The example that the libraries of Standard Webhooks test themselves with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    given = " ".join("whsec_" + base64.b64encode(secret).decode() for secret in SECRETS)
    hooks = load_hooks(Settings(data_dir=tmp_path), {"EXLIFY_HOOK_APPLICATIONS_SECRET": given})
    assert hooks["applications"].secrets == SECRETS
    assert list(tmp_path.iterdir()) == []
    assert "secret" not in repr(hooks).replace("secrets", "")


def test_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_hooks(settings, {})["applications"].secrets
    assert load_hooks(settings, {})["applications"].secrets == first == (read_secret(settings, "applications", {}),)
    assert secret_file(settings, "applications").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["whsec_?", "short", "whsec_c2hvcnQ="])
def test_unfit_secret_names_its_variable(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="EXLIFY_HOOK_APPLICATIONS_SECRET"):
        load_hooks(Settings(data_dir=tmp_path), {"EXLIFY_HOOK_APPLICATIONS_SECRET": text})


def test_hooks_are_declared_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "hooks.json").write_text('{"orders": {"type": "com.example.order.v1", "subject": "/order"}}')
    hooks = load_hooks(Settings(data_dir=tmp_path), {})
    assert (hooks["orders"].source, hooks["orders"].subject) == ("/hooks/orders", "/order")
    assert set(hooks) == {"orders", "applications"}
    assert len({hook.secrets for hook in hooks.values()}) == 2


@pytest.mark.parametrize(
    "content",
    ["[", '{"orders": {}}', '{"../x": {"type": "t"}}', '{"orders": {"type": "t", "secret": "s"}}'],
)
def test_unfit_declaration_is_told_with_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "hooks.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"hooks\.json"):
        load_hooks(Settings(data_dir=tmp_path), {})


@pytest.mark.parametrize(
    ("pointer", "subject"), [("/a/b", "x"), ("/n", "7"), ("/missing", None), ("/a", None), (None, None), ("/x~1y", "z")]
)
def test_subject_is_found_by_its_pointer(pointer: str | None, subject: str | None) -> None:
    assert subject_of({"a": {"b": "x"}, "n": 7, "x/y": "z"}, pointer) == subject
