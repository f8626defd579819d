"""Suspects: two deaths over one record tell which it is; nobody else is suspected, and nobody for long."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import current
from schemas.codec import Codec
from schemas.messages import STEP_COMMAND
from schemas.samples import sample
from streams.cli import _trial
from streams.runtime.processor import Record
from streams.runtime.suspects import Suspects
from streams.runtime.trial import Case, Verdict, hold
from tests.support import peers
from tests.support.data import payload


def records(*offsets: int, topic: str = "in") -> list[Record]:
    return [Record(topic, 0, offset, 0, b"k", b"v") for offset in offsets]


def died(path: Path, batch: Sequence[Record]) -> Suspects:
    """The next life of a lane that died over a batch."""
    life = Suspects(path)
    life.begin(batch)
    life.close()
    return Suspects(path)


def test_records_of_a_death_stand_alone_next_time(tmp_path: Path) -> None:
    life = died(tmp_path / "note", records(5, 6, 7))
    queue = records(3, 4, 5, 6, 7, 8)
    assert life.few_enough(queue, 4) == 2
    assert life.few_enough(queue[2:], 4) == 1
    assert life.few_enough(queue[5:], 4) == 4
    assert not life.to_be_tried(records(5))


def test_second_death_over_a_record_brings_it_to_trial(tmp_path: Path) -> None:
    died(tmp_path / "note", records(5, 6, 7)).close()
    life = died(tmp_path / "note", records(6))
    assert life.deaths == 2
    assert life.to_be_tried(records(6))
    assert not life.to_be_tried(records(5))


def test_deaths_over_other_records_do_not_add_up(tmp_path: Path) -> None:
    for offset in range(5):
        life = died(tmp_path / "note", records(offset))
        assert life.deaths == 1
        life.end(records(offset))
        life.close()


def test_handled_record_is_above_suspicion(tmp_path: Path) -> None:
    life = died(tmp_path / "note", records(5, 6))
    life.begin(records(5))
    life.end(records(5))
    assert life.few_enough(records(6), 4) == 1
    life.end(records(6))
    life.close()
    after = Suspects(tmp_path / "note")
    assert (after.deaths, after.few_enough(records(6, 7), 4)) == (0, 4)


def test_end_in_order_leaves_no_suspicion(tmp_path: Path) -> None:
    life = Suspects(tmp_path / "note")
    life.begin(records(1))
    life.end(records(1))
    life.close()
    assert Suspects(tmp_path / "note").deaths == 0


def test_file_that_holds_anything_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"\xff" * 10_000)
    assert Suspects(tmp_path / "note").deaths == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 29), st.integers(1, 12), st.lists(st.sampled_from("ab"), min_size=30, max_size=30))
def test_deadly_record_alone_comes_to_trial(deadly: int, batch: int, topics: list[str]) -> None:
    queue = [Record(topic, 0, number, 0, b"", b"") for number, topic in enumerate(topics)]
    tried: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(12):
            if live(Suspects(Path(folder) / "note"), queue, deadly, batch, tried):
                break
    assert tried == [deadly]


def live(life: Suspects, queue: Sequence[Record], deadly: int, batch: int, tried: list[int]) -> bool:
    """One life on the queue, from its beginning; whether it survived, as the deadly record was tried."""
    at = 0
    while at < len(queue):
        taken = queue[at : at + life.few_enough(queue[at:], batch)]
        at += len(taken)
        if life.to_be_tried(taken):
            tried.append(taken[0].offset)
            continue
        life.begin(taken)
        if any(record.offset == deadly for record in taken):
            life.close()
            return False
        life.end(taken)
    life.close()
    return True


PREAMBLE = "import sys; sys.stdin.buffer.read(); "
OPENED = "print('opened', flush=True); "


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (OPENED, Verdict.INNOCENT),
        (OPENED + "import os; os.kill(os.getpid(), 9)", Verdict.GUILTY),
        (OPENED + "import ctypes; ctypes.string_at(0)", Verdict.GUILTY),
        (OPENED + "import time; time.sleep(60)", Verdict.GUILTY),
        (OPENED + "print('x' * 200_000 + '\\nnonsense\\ntakes long', flush=True)", Verdict.INNOCENT),
        (OPENED + "import time; print('takes 40.0', flush=True); time.sleep(2.5)", Verdict.INNOCENT),
        (OPENED + "import time; print('takes 0.5', flush=True); time.sleep(60)", Verdict.GUILTY),
        ("sys.exit(69)", Verdict.NONE),
    ],
    ids=[
        "ends well",
        "killed",
        "fault of a library",
        "no end",
        "says much",
        "takes long, as it says",
        "takes longer than it says",
        "cannot start",
    ],
)
async def test_trial_finds_what_ends_a_process(program: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.trial.HANDLE_S", 2.0)
    assert await hold([sys.executable, "-c", PREAMBLE + program], records(1), None) is verdict


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes find neither broker nor registry, and have a folder of their own."""
    for name, value in {"BOOTSTRAP": "127.0.0.1:1", "REGISTRY_URL": "none", "DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"EXLIFY_{name}", value)


def asking(url: str, method: str = "GET", effect: str | None = None) -> bytes:
    """A command to make a call."""
    arguments = payload({"method": method, "endpoint": url})
    step = {**sample(current()[STEP_COMMAND]), "function": "http", "arguments": arguments, "effect": effect}
    return Codec.offline().encode(STEP_COMMAND, {**step, "deadline_ms": None, "followed": False})


@pytest.mark.usefixtures("alone")
async def test_processor_of_the_catalogue_stands_trial() -> None:
    command = Codec.offline().encode(STEP_COMMAND, sample(current()[STEP_COMMAND]))
    assert await hold(_trial.command("human"), [Record("in", 0, 0, 0, b"k", command)], None) is Verdict.INNOCENT


@pytest.mark.parametrize("given", [b"", b"\x91\x8a"], ids=["nothing", "a part"])
@pytest.mark.usefixtures("alone")
async def test_trial_whose_worker_has_ended_ends_without_a_word(given: bytes) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_trial.command("human"), stdin=pipe, stdout=pipe, stderr=pipe)
    assert await process.communicate(given) == (b"", b"")


@pytest.mark.usefixtures("alone")
async def test_trial_that_nobody_hears_handles_nothing() -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        given = "", [Case("in", 0, 0, 0, b"k", asking(peer.url), [])]
        pipe = asyncio.subprocess.PIPE
        reads, writes = os.pipe()
        os.close(reads)
        process = await asyncio.create_subprocess_exec(*_trial.command("call"), stdin=pipe, stdout=writes, stderr=pipe)
        os.close(writes)
        assert b"Traceback" not in (await process.communicate(msgspec.msgpack.encode(given)))[1]
        assert peer.count == 0


@pytest.mark.crash
@pytest.mark.usefixtures("alone")
async def test_call_on_trial_has_the_time_that_its_connection_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXLIFY_SITE_DIR", str(tmp_path))
    monkeypatch.setattr("streams.runtime.trial.HANDLE_S", 5.0)

    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(7.0)
        await peers.answers(peers.OK)(writer)

    async with peers.peer(late) as peer:
        for timeout, verdict in (("", Verdict.GUILTY), (", timeout: 2m", Verdict.INNOCENT)):
            (tmp_path / "connections.yaml").write_text(f"slow: {{url: '{peer.url}'{timeout}}}\n")
            record = Record("in", 0, 0, 0, b"k", asking("connection://slow"))
            assert await hold(_trial.command("call"), [record], None) is verdict


@pytest.mark.parametrize(("effect", "requests"), [("blind", 0), ("keyed", 1)])
@pytest.mark.usefixtures("alone")
async def test_call_on_trial_repeats_no_effect_beyond_its_class(effect: str, requests: int) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        record = Record("in", 0, 0, 0, b"k", asking(peer.url, "POST", effect))
        verdict = await hold(_trial.command("call"), [record], None)
        assert (verdict, peer.count) == (Verdict.INNOCENT, requests)
