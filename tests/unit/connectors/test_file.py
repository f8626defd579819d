"""Files in folders: whole or not there at all, never outside of the folder, and every failure has its reason."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.file.content import draft_name
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits
from schemas.reasons import Effect, Reason
from tests.support.hubs import CALM, QUICK
from tests.support.waiting import PATIENCE_S

CSV = {"type": "csv", "header": True, "delimiter": ";", "lineEnd": "lf"}


async def asked(folder: Path, function: str, limits: CallLimits = CALM, **arguments: Any) -> CallOutcome:
    async with standard_hub({"here": f"file://{folder}"}, limits=limits) as hub:
        return await hub.carry_out(HubCall(function=function, arguments={"connection": "here", **arguments}, key="k"))


async def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [{"a": "1", "b": "x;y"}, {"a": "2", "b": "ü"}]
    written = await asked(tmp_path, "file.write", file="out/rows.csv", content=rows, format=CSV)
    assert (written.ok, written.effect, written.output["records"]) == (True, Effect.DONE, 2)
    assert (tmp_path / "out" / "rows.csv").read_text() == 'a;b\n1;"x;y"\n2;ü\n'
    assert (await asked(tmp_path, "file.read", file="out/rows.csv", format=CSV)).output == rows
    assert (await asked(tmp_path, "file.write", file="a.json", content={"a": 1})).ok
    assert json.loads((await asked(tmp_path, "file.read", file="a.json")).output) == {"a": 1}


async def test_what_a_killed_write_has_left_is_removed_by_the_next_try_and_by_no_other(tmp_path: Path) -> None:
    left = [tmp_path / draft_name("a.txt", "k", number) for number in (0, 1)]
    foreign = tmp_path / draft_name("a.txt", "other", 0)
    for each in (*left, foreign):
        each.write_text("half of")
    assert (await asked(tmp_path, "file.write", file="a.txt", content="all of it")).ok
    assert (tmp_path / "a.txt").read_text() == "all of it"
    assert sorted(os.listdir(tmp_path)) == sorted(["a.txt", foreign.name])


async def test_who_looks_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Nothing is there beside the files themselves, and none is ever in parts."""
    contents = [letter * 200_000 for letter in "ab"]
    (tmp_path / "a.txt").write_text(contents[0])
    seen = set()

    async def look() -> None:
        while True:
            seen.add((tmp_path / "a.txt").read_text())
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    for _ in range(10):
        for content in contents:
            assert (await asked(tmp_path, "file.write", file="a.txt", content=content)).ok
    looking.cancel()
    assert seen <= set(contents)
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", ".hidden", "a/.ssh/x", "a\nb", "a/", "..", "a\\..\\b"]
)
async def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    for outcome in (
        await asked(tmp_path, "file.write", file=name, content="x"),
        await asked(tmp_path, "file.read", file=name),
    ):
        assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    for outcome in (
        await asked(folder, "file.read", file="link"),
        await asked(folder, "file.write", file="link", content="y"),
        await asked(folder, "file.write", file="out/secret", content="y"),
    ):
        assert (outcome.reason, outcome.effect) == (Reason.POLICY_DENIED, Effect.NONE)
    assert (tmp_path / "secret").read_text() == "x"


@pytest.mark.parametrize(
    ("function", "arguments", "reason", "told"),
    [
        ("file.read", {"file": "nothing"}, Reason.NOT_FOUND, "there is no such file"),
        ("file.read", {"file": "large"}, Reason.REPLY_TOO_LARGE, "it has more than 524288 bytes"),
        ("file.read", {"file": "latin"}, Reason.CONTRACT_DRIFT, "it is no text in UTF-8"),
        (
            "file.read",
            {"file": "rows.csv", "format": CSV},
            Reason.CONTRACT_DRIFT,
            "line 2: 1 fields, and 2 are expected",
        ),
        ("file.read", {"file": "rows.csv", "format": "yaml"}, Reason.INPUT_INVALID, "format is none: format.type"),
        ("file.write", {"file": "x", "content": {}, "format": CSV}, Reason.INPUT_INVALID, "content is no list"),
        ("file.write", {"file": "x", "content": [{"a": []}], "format": CSV}, Reason.INPUT_INVALID, "record 1: field a"),
        ("file.read", {"file": "folder"}, Reason.INPUT_INVALID, "it is a folder"),
        ("file.write", {"file": "folder", "content": "x"}, Reason.INPUT_INVALID, "it is a folder"),
        ("file.write", {"file": "large/x", "content": "x"}, Reason.INPUT_INVALID, "a part of its path is a file"),
        ("file.read", {"file": "large/x"}, Reason.INPUT_INVALID, "a part of its path is a file"),
    ],
)
async def test_each_failure_has_its_reason(
    tmp_path: Path, function: str, arguments: dict[str, Any], reason: Reason, told: str
) -> None:
    (tmp_path / "large").write_bytes(b"x" * 600_000)
    (tmp_path / "latin").write_bytes(b"\xfc")
    (tmp_path / "rows.csv").write_text("a;b\n1\n")
    (tmp_path / "folder").mkdir()
    outcome = await asked(tmp_path, function, **arguments)
    assert (outcome.reason, outcome.effect) == (reason, Effect.NONE)
    assert told in outcome.detail


async def test_a_folder_that_does_not_answer_ends_the_call_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder of a server that is away: whoever asks for it hangs."""
    answers = threading.Event()
    monkeypatch.setattr(Path, "is_dir", lambda folder: answers.wait(PATIENCE_S))
    try:
        outcome = await asyncio.wait_for(asked(tmp_path, "file.write", QUICK, file="a", content="x"), PATIENCE_S)
        assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)
    finally:
        answers.set()


async def test_a_folder_that_cannot_be_looked_at_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)
    outcome = await asked(tmp_path, "file.read", file="a")
    assert (outcome.reason, outcome.effect) == (Reason.FORBIDDEN, Effect.NONE)


async def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe to which nobody writes would hold a thread for good."""
    os.mkfifo(tmp_path / "pipe")
    outcome = await asked(tmp_path, "file.read", file="pipe")
    assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


async def test_a_link_that_leads_to_itself_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    for outcome in (
        await asked(tmp_path, "file.read", file="a"),
        await asked(tmp_path, "file.write", file="a", content="x"),
    ):
        assert (outcome.reason, outcome.effect) == (Reason.POLICY_DENIED, Effect.NONE)


async def test_records_that_come_to_far_more_than_their_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{'x' * 120_000},{'y' * 120_000}\n" + "1,2\n" * 100)
    outcome = await asked(tmp_path, "file.read", file="a.csv", format={"type": "csv", "header": True})
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)
