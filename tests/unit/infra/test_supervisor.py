"""The supervisor: stages in order, restarts that calm down, everything stopped at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from infra.local import child
from infra.local.awaited import Awaited
from infra.local.child import ChildSpec
from infra.local.datafolder import DataFolder
from infra.local.errors import LocalError
from infra.local.process import Launch
from infra.local.supervisor import Stage, Supervisor
from streams.ground.terminal import visible
from tests.support.hostile import HOSTILE, gets_through
from tests.support.waiting import PATIENCE_S

LIVES = "import signal; signal.pause()"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    data = DataFolder(tmp_path / "data")
    with data.occupied():
        yield data


class Scripts:
    """Children that run a piece of Python and note in a journal that they began."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.journal = folder / "journal"
        self.journal.touch()

    def child(self, name: str, code: str = LIVES, **options: object) -> ChildSpec:
        begin = f"open({str(self.journal)!r}, 'a').write('{name} began\\n')"
        at_end = f"import atexit; atexit.register(lambda: open({str(self.journal)!r}, 'a').write('{name} ended\\n'))"
        polite = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
        launch = Launch((sys.executable, "-c", "\n".join([at_end, polite, begin, code])), self._folder / f"{name}.log")
        return ChildSpec(name, lambda: launch, lambda: f"{name} began" in self.lines, **options)  # type: ignore[arg-type]

    @property
    def lines(self) -> list[str]:
        return self.journal.read_text().splitlines()


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


def stop_now(_: float) -> Sequence[str]:
    """As soon as all are ready, do what `exlify down` does."""
    os.kill(os.getpid(), signal.SIGTERM)
    return ["ready"]


async def test_stages_start_in_order_and_stop_backwards(folder: DataFolder, scripts: Scripts) -> None:
    stages = [Stage([scripts.child("server")]), Stage([scripts.child("worker")]), Stage([scripts.child("gateway")])]
    await Supervisor(folder, stages, visible).run(stop_now)
    began = [f"{name} began" for name in ("server", "worker", "gateway")]
    ended = [f"{name} ended" for name in ("gateway", "worker", "server")]
    assert scripts.lines == began + ended


async def test_next_stage_waits_for_the_hook(folder: DataFolder, scripts: Scripts) -> None:
    seen: list[list[str]] = []

    async def provision() -> None:
        seen.append(scripts.lines)

    stages = [Stage([scripts.child("server")], provision), Stage([scripts.child("worker")])]
    await Supervisor(folder, stages, visible).run(stop_now)
    assert seen == [["server began"]]


async def test_killed_child_is_started_again(
    folder: DataFolder, scripts: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    running = asyncio.create_task(
        Supervisor(folder, [Stage([scripts.child("worker")])], visible).run(lambda _: ["ready"])
    )
    await _until(lambda: scripts.lines == ["worker began"])
    os.kill(_pids(folder)["worker"], signal.SIGKILL)
    await _until(lambda: scripts.lines == ["worker began", "worker began"])
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "worker was ended by SIGKILL. It starts again in 0.5 s." in capsys.readouterr().out


async def test_pauses_grow_while_a_child_keeps_failing(
    folder: DataFolder, scripts: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = scripts.child("worker", "sys.exit(70)")
    running = asyncio.create_task(Supervisor(folder, [Stage([failing])], visible).run(lambda _: ["ready"]))
    await _until(lambda: scripts.lines.count("worker began") == 3)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    said = [line for line in capsys.readouterr().out.splitlines() if "exit code 70" in line]
    assert [line.partition("again in ")[2] for line in said[:2]] == ["0.5 s.", "1 s."]


async def test_wrong_setting_ends_everything_at_once(folder: DataFolder, scripts: Scripts) -> None:
    stages = [Stage([scripts.child("server")]), Stage([scripts.child("worker", "sys.exit(78)")])]
    with pytest.raises(LocalError, match=r"worker ended with exit code 78\."):
        await Supervisor(folder, stages, visible).run(lambda _: ["ready"])
    assert scripts.lines[-1] == "server ended"


async def test_child_that_never_answers_is_named(folder: DataFolder, scripts: Scripts) -> None:
    mute = scripts.child("mute", start_timeout_s=0.2)
    silent = ChildSpec(mute.name, mute.prepare, lambda: False, start_timeout_s=mute.start_timeout_s)
    with pytest.raises(LocalError, match=r"mute: not ready after 0 s"):
        await Supervisor(folder, [Stage([silent])], visible).run(lambda _: ["ready"])


async def test_child_that_ends_before_it_is_ready_is_given_up_in_the_end(
    folder: DataFolder, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "HOPE_S", 0.0)
    failing = scripts.child("worker", "sys.exit(70)")
    never = ChildSpec(failing.name, failing.prepare, lambda: False)
    with pytest.raises(LocalError, match=r"worker: ends each time before it is ready\."):
        await Supervisor(folder, [Stage([scripts.child("server")]), Stage([never])], visible).run(lambda _: ["ready"])
    assert scripts.lines[-1] == "server ended"


async def test_preparation_that_fails_is_the_message(folder: DataFolder, scripts: Scripts) -> None:
    def prepare() -> Launch:
        raise LocalError("server: no network. Connect.")

    with pytest.raises(LocalError, match=r"^server: no network\. Connect\.$"):
        await Supervisor(folder, [Stage([ChildSpec("server", prepare, lambda: True)])], visible).run(
            lambda _: ["ready"]
        )


async def test_deaf_child_is_killed_after_its_grace(folder: DataFolder, scripts: Scripts) -> None:
    deaf = scripts.child(
        "deaf", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()", stop_grace_s=0.1
    )
    await Supervisor(folder, [Stage([deaf])], visible).run(stop_now)
    assert scripts.lines == ["deaf began"]


async def test_start_says_what_it_starts_and_when_each_is_there(
    folder: DataFolder, scripts: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    async def provision() -> None: ...

    await Supervisor(folder, [Stage([scripts.child("server")], provision, "topics")], visible).run(stop_now)
    said = [line.partition("| ")[2].partition(" after")[0] for line in capsys.readouterr().out.splitlines()]
    assert said[:4] == ["starts server", "server ready", "topics ready", "ready"]


async def test_what_is_waited_for_is_said_while_it_is_waited_for() -> None:
    said: list[str] = []
    slow, told = asyncio.Event(), asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    awaited = Awaited(say, every_s=0.01)
    telling = asyncio.create_task(awaited.tell())
    waiting = asyncio.create_task(awaited.on("kafka", slow.wait()))
    await told.wait()
    slow.set()
    await waiting
    telling.cancel()
    assert said[0] == "waiting for kafka (0 s)"
    assert said[-1].startswith("kafka ready after")


async def test_output_is_prefixed_and_kept(
    folder: DataFolder, scripts: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    talker = scripts.child("talker", f"print('hello', flush=True)\n{LIVES}")
    log = folder.path / "logs" / "talker.log"
    running = asyncio.create_task(Supervisor(folder, [Stage([talker])], visible).run(lambda _: ["ready"]))
    await _until(lambda: log.exists() and log.read_text() == "hello\n")
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "talker | hello" in capsys.readouterr().out.splitlines()


async def test_endless_line_does_not_stop_the_stream(folder: DataFolder, scripts: Scripts) -> None:
    talker = scripts.child("talker", f"print('x' * 3_000_000 + chr(10) + 'after', flush=True)\n{LIVES}")
    log = folder.path / "logs" / "talker.log"
    running = asyncio.create_task(Supervisor(folder, [Stage([talker])], visible).run(lambda _: ["ready"]))
    await _until(lambda: log.exists() and log.read_text().endswith("after\n"))
    os.kill(os.getpid(), signal.SIGTERM)
    await running


def _pids(folder: DataFolder) -> dict[str, int]:
    pids: dict[str, int] = json.loads((folder.path / "endpoints.json").read_text())["pids"]
    return pids


async def _until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not seen():
            await asyncio.sleep(0.01)


async def test_child_cannot_move_the_terminal(
    folder: DataFolder, scripts: Scripts, capsys: pytest.CaptureFixture[str]
) -> None:
    code = f"import sys; sys.stdout.buffer.write({HOSTILE.encode(errors='replace')!r}); sys.stdout.flush(); {LIVES}"
    await Supervisor(folder, [Stage([scripts.child("talker", f"print('x'); {code}")])], visible).run(stop_now)
    said = capsys.readouterr().out + (folder.path / "logs" / "talker.log").read_text()
    assert "RED" in said and gets_through(said) == []
