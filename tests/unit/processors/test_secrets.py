"""`secrets.yaml`: read, refused with the place, and what a local run sends and tells with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.catalogue import load_settings
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.local import run_locally
from streams.processors import ALL
from streams.processors.call.connections import Addresses
from streams.processors.call.secrets import FILE
from tests.support import peers
from tests.support.definitions import load

ENVIRON = {"S": "t0p-s3cret", "TWO": "a\nb"}
CALLS = """
document: {{dsl: '1.0.3', namespace: tests, name: who, version: '1.0.0'}}
use: {{secrets: [shop]}}
do:
  - ask:
      call: http
      with: {{method: get, endpoint: {{uri: '{url}', authentication: {{bearer: {{token: '${{ $secrets.shop }}'}}}}}}}}
"""


def secrets(folder: Path, written: str) -> Addresses:
    (folder / FILE).write_text(written)
    return Addresses(Settings(), Site(folder, ENVIRON))


def test_secrets_are_read_and_not_shown(tmp_path: Path) -> None:
    known = secrets(
        tmp_path,
        "shop: {value: '${env:S}', hosts: [a.example]}\nbank: {username: u, password: '${env:S}', hosts: ['*']}\n",
    )
    shop, bank = known.secret("shop"), known.secret("bank")
    assert shop is not None and bank is not None
    assert (dict(shop.values), shop.hosts, bank.values["password"]) == (
        {"": "t0p-s3cret"},
        ("a.example",),
        "t0p-s3cret",
    )
    assert "t0p-s3cret" not in f"{shop!r} {bank!r}" and known.secret("other") is None


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("shop: {value: letmein, hosts: [a]}", "a secret in the file"),
        ("shop: {value: '${env:S}'}", "no secret"),
        ("shop: {hosts: [a]}", "no secret"),
        ("shop: {value: '${env:S}', hosts: []}", "no hosts"),
        ("shop: {value: '${env:S}', hosts: ['a b']}", "no host"),
        ("shop: {value: '${env:S}', username: u, hosts: [a]}", "a value, and members beside it"),
        ("shop: {value: '${env:TWO}', hosts: [a]}", "more than a line"),
        ("shop: {value: '${env:GONE}', hosts: [a]}", "GONE is not set"),
        ("'a b': {value: '${env:S}', hosts: [a]}", "no name of a secret"),
    ],
)
def test_faulty_secrets_are_refused_with_their_place(tmp_path: Path, written: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        secrets(tmp_path, written)
    assert says in str(fault.value) and FILE in str(fault.value)
    assert "letmein" not in str(fault.value) and "t0p" not in str(fault.value)


async def test_local_run_sends_the_secret_and_tells_it_nowhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("S", "t0p-s3cret")
    (tmp_path / FILE).write_text("shop: {value: '${env:S}', hosts: [127.0.0.1]}\n")
    settings = load_settings({"EXLIFY_SITE_DIR": str(tmp_path)})
    async with peers.peer(peers.answers(peers.OK)) as peer:
        report = await run_locally(load(CALLS.format(url=peer.url)), {}, {}, settings, ALL)
        assert peer.header("Authorization") == "Bearer t0p-s3cret"
    assert report.output == {"ok": True}
    told = capsys.readouterr()
    assert "t0p-s3cret" not in f"{report} {caplog.text} {told.out} {told.err}"
