"""The ledger counts effects where they happen, and outlives the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.sandbox.ledger import KeyReusedError, Ledger, Request


def test_same_key_has_its_effect_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    request = Request("erp", "k", b"body")
    assert ledger.effect(request, lambda: b"first") == b"first"
    assert ledger.effect(request, lambda: b"second") == b"first"
    summary = ledger.summary("erp", 10)
    assert (summary["requests"], summary["effects"], summary["results"]) == (2, 1, {"done": 1, "replayed": 1})


def test_key_with_another_body_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.effect(Request("erp", "k", b"one"), lambda: b"")
    with pytest.raises(KeyReusedError):
        ledger.effect(Request("erp", "k", b"two"), lambda: b"")
    assert ledger.summary("erp", 10)["requests"] == 1


def test_same_thing_done_twice_is_shown(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for key in (None, None, "k", "other"):
        ledger.effect(Request("erp", key, b"other" if key == "other" else b"body"), lambda: b"")
    summary = ledger.summary("erp", 10)
    assert (summary["effects"], summary["distinct_effects"]) == (4, 2)
    assert summary["repeated"] == [Request("erp", None, b"body").digest]


def test_ledger_outlives_its_server(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.sqlite").effect(Request("erp", "k", b"body"), lambda: b"answer")
    again = Ledger(tmp_path / "ledger.sqlite")
    assert again.effect(Request("erp", "k", b"body"), lambda: b"another") == b"answer"


def test_systems_have_ledgers_of_their_own(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.note(Request("erp", None, b""), "faulted")
    assert ledger.summary("mail", 10)["requests"] == 0
    assert ledger.summary("erp", 10)["results"] == {"faulted": 1}


def test_failed_answer_leaves_no_trace(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def fails() -> bytes:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        ledger.effect(Request("erp", "k", b"body"), fails)
    assert ledger.summary("erp", 10)["requests"] == 0
