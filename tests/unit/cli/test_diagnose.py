"""The archive for whoever helps holds what it names, and nothing about anybody."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import diagnose
from streams.ground.errors import UnavailableError, UsageError

SECRET = "s3cret-of-ada"
PAGES: dict[str, Any] = {
    "/v1/status": {"instances": {"running": 2}},
    "/v1/systems": {
        "systems": [
            {
                "name": name, "address": f"http://{SECRET}", "paused": True, "actor": "Ada", "why": "Ada says so",
                "seen": {"breaker": "open", "calls": 3, "last_reason": "UNREACHED"},
            }
            for name in ("erp", "10.0.0.7:80")
        ]
    },
    "/v1/incidents": {
        "incidents": [
            {"workflow": "order", "reason": "UNREACHED", "business_key": "Ada-7", "error": {"detail": "Ada"}},
            {"workflow": "order", "reason": "UNREACHED", "business_key": "Ada-8", "instance_id": "ab"},
        ]
    },
    "/v1/letters": {"letters": [{"kind": "parked", "reason": "Ada is no number", "topic": "orders"}]},
    "/v1/alerts": {
        "alerts": [
            {
                "kind": "task", "title": "Ask Ada", "acknowledged_by": "Ada", "count": 1,
                "notices": [{"channel": "team", "status": "told", "reference": "Ada"}],
            }
        ]
    },
}  # fmt: skip


class Gateway:
    """Answers as the pages say."""

    def __init__(self, settings: Any) -> None:
        """Of any settings."""

    def get(self, path: str, **query: Any) -> Any:
        return PAGES[path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "channels.yaml").write_text(f"# {SECRET}\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "limits.yaml").write_text(f"# {SECRET}\n")
    monkeypatch.setenv("EXLIFY_SITE_DIR", str(tmp_path))
    monkeypatch.setenv("EXLIFY_DATA_DIR", str(tmp_path / SECRET))
    monkeypatch.setenv("EXLIFY_API_TOKEN", SECRET)
    monkeypatch.setattr(diagnose, "Client", Gateway)
    return tmp_path / "out.tar.gz"


def contents(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        return {each.name: (opened.extractfile(each) or b"").read().decode() for each in opened}  # type: ignore[union-attr]


def test_it_holds_what_helps_and_nothing_about_anybody(written: Path) -> None:
    done = CliRunner().invoke(diagnose.command, ["--output", str(written)], catch_exceptions=False)
    assert done.exit_code == 0
    found = contents(written)
    whole = "".join(found.values())
    assert "Ada" not in whole and SECRET not in whole and "10.0.0.7" not in whole
    parts = {name.rpartition("/")[2]: json.loads(text) for name, text in found.items()}
    assert parts["settings.json"]["EXLIFY_API_TOKEN"] == parts["settings.json"]["EXLIFY_DATA_DIR"] == "set"
    assert parts["settings.json"]["EXLIFY_CALL_CONCURRENCY"] == 64
    assert parts["incidents.json"][0]["count"] == 2
    assert [each["seen"]["breaker"] for each in parts["systems.json"]] == ["open"]
    assert parts["alerts.json"][0]["notices"][0]["channel"] == "team"
    assert list(parts["site.json"]) == ["channels.yaml", "rules/limits.yaml"]
    assert "topics.json" in parts["missing.json"]  # there is no Kafka here, and that is told
    assert "topics.json is missing" in done.output
    assert written.stat().st_mode & 0o077 == 0


def test_what_does_not_answer_is_told_and_the_rest_is_there(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Gateway):
        def get(self, path: str, **query: Any) -> Any:
            raise UnavailableError(f"nobody at {SECRET}")

    monkeypatch.setattr(diagnose, "Client", Away)
    CliRunner().invoke(diagnose.command, ["--output", str(written)], catch_exceptions=False)
    found = contents(written)
    assert {"exlify-diagnose/versions.json", "exlify-diagnose/settings.json"} <= found.keys()
    assert json.loads(found["exlify-diagnose/missing.json"])["alerts.json"] == "nobody answers"
    assert SECRET not in "".join(found.values())


def test_it_writes_over_nothing(written: Path) -> None:
    written.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        CliRunner().invoke(diagnose.command, ["--output", str(written)], catch_exceptions=False)
    assert written.read_text() == "mine"
