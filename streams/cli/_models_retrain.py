"""`exlify models retrain`: lets models learn when it is asked for, and lets decide what has done well in the shadow.

    suspended by the monitor ─┐
    `every_days` of its card ─┴▶ exlify models learn NAME ─▶ shadow ── enough live cases ──▶ decides (`promote_after`)

It is a process of its own: a trainer takes minutes and gigabytes, and needs packages that no worker has, so nothing of
it belongs where cases are decided. What it goes by is on record (states of models, labels, decisions), and what is
under way in `models/.learn` of the site: it can be killed and started at any time.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from streams.cli import _models as ours
from streams.cli import _models_learn as learning
from streams.cli import _models_making as making
from streams.cli import _models_states as states
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import ExlifyError, UsageError

if TYPE_CHECKING:
    from models.making.learning import Gate
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.processors.decide.states import Change, ModelBook

ITSELF = "exlify retrain"  # who has let a model decide, on record
LOOK_S = 60.0
LONGEST_S = 3_600.0  # between two tries that ended at something which more labels do not mend
BESIDE_TRAINING_S = 900  # reading labels, certifying, becoming known
DAY_S = 86_400


class Wanted(NamedTuple):
    """A model that is to learn, or whose challenger is to be looked at."""

    name: str
    why: str
    challenger: str = ""  # a version that may be let decide by policy


@dataclass
class Looked:
    """What became of one model, and when it was last tried."""

    said: dict[str, Any]
    next_s: float = 0.0
    pause_s: float = 0.0


@click.command("retrain")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--watch", is_flag=True, help="Go on looking, until it is stopped.")
@click.option(
    "--look", type=click.FloatRange(1, LONGEST_S), default=LOOK_S, show_default=True, help="Seconds between two looks."
)
@json_option
def retrain(names: tuple[str, ...], watch: bool, look: float, as_json: bool) -> None:
    """Let models learn that the monitor has suspended, or whose time has come; all whose card says how, or those named.

    A challenger that was made is a shadow. Where the card says so (`promote_after`), it decides once it has done well
    in so many live cases; else a person says so, with `activate`. What is done is told as it is done; with --json in
    lines.
    """
    looked: dict[str, Looked] = {}
    signal.signal(signal.SIGTERM, _stopped)
    while True:
        try:
            for wanted in wished(ours.known(), names):
                _look(wanted, looked, look, as_json)
        except ExlifyError as error:
            if not watch:
                raise
            echo(f"! {error}", err=True)  # Kafka may be away; the next look sees
        if not watch:
            if not looked and not as_json:
                echo("Nothing to learn: the monitor has suspended no model that can learn, and none's time has come.")
            return
        time.sleep(look)


def wished(book: ModelBook, names: tuple[str, ...] = (), now_s: float | None = None) -> Iterator[Wanted]:
    """What is to be done now. Raises UsageError for a name that nothing can be learned for."""
    from models.making.learning import Learning

    now = time.time() if now_s is None else now_s
    for name in names or sorted(book.active):
        pin = book.active.get(name)
        if pin is None or pin.state == "retired":
            if names:
                states.decides(book, name)
            continue
        card = making.read_draft(book.folder(name, pin.version))
        if "learning" not in card:
            if names:
                raise UsageError(f"{name}: its card does not say how it learns ([learning], models/your-own-model.md)")
            continue
        rival = pin.rival
        if rival is not None and rival.share:
            continue  # people try it already
        by: Learning = learning.read_learning(card["learning"], name)
        history = book.history(name)
        if rival is not None and making.told(making.read_draft(book.folder(name, rival.version)), "learned"):
            if by.promote_after:
                yield Wanted(name, f"by its policy, promote_after = {by.promote_after}", rival.version)
            continue  # else it waits for a person
        if alarmed(history):
            yield Wanted(name, "the monitor has suspended it")
        elif by.every_days is not None and now - _last_s(name, history) >= by.every_days * DAY_S:
            yield Wanted(name, f"every {by.every_days:g} days")


def alarmed(history: tuple[Change, ...]) -> bool:
    """Whether what is in force now was suspended by the monitor, which is its request."""
    from streams.processors.monitor import ITSELF as MONITOR

    if not history or history[-1].state != "suspended":
        return False
    before: list[Change] = []
    for each in reversed(history):
        if each.state != "suspended":
            break
        before.append(each)
    return before[-1].by == MONITOR


def _last_s(name: str, history: tuple[Change, ...]) -> float:
    tried = learning.tried(name)
    versions = [each.from_ms for each in history if each.version == history[-1].version]
    return max([0, *versions[:1], *(each.at_ms for each in tried[-1:])]) / 1_000


def _look(wanted: Wanted, looked: dict[str, Looked], look_s: float, as_json: bool) -> None:
    before = looked.setdefault(wanted.name, Looked({}))
    if wanted.challenger:
        said: dict[str, Any] = {"model": wanted.name, "challenger": wanted.challenger, **_promoted(wanted)}
        _tell(wanted, said, before, as_json)
        wanting = said["state"] is None and said["figures"]["known"] >= said["figures"]["least"]
        if not wanting:
            return
    if time.monotonic() >= before.next_s:
        said = _learned(wanted)
        mends = said["gate"] in ("labels", "split", "certificate", "fairness", "shadow")  # where more labels may do
        before.pause_s = look_s if mends else min(max(2 * before.pause_s, 2 * look_s), LONGEST_S)
        before.next_s = time.monotonic() + before.pause_s
        _tell(wanted, said, before, as_json)


def _tell(wanted: Wanted, said: dict[str, Any], before: Looked, as_json: bool) -> None:
    """Says what is new."""
    if said == before.said:
        return
    before.said = said
    if as_json:
        print_json(said)
    else:
        echo(f"{wanted.name} ({wanted.why}): {said['says']}", err=said["state"] is None)
    sys.stdout.flush()


def _learned(wanted: Wanted) -> dict[str, Any]:
    """What `exlify models learn` says, which is run as a process, for as long as its card allows."""
    import orjson

    card = making.read_draft(ours.known().folder(wanted.name, states.decides(ours.known(), wanted.name).version))
    most = learning.read_learning(card["learning"], wanted.name).minutes * 60 + BESIDE_TRAINING_S
    command = (sys.executable, "-m", "streams.cli", "models", "learn", wanted.name, "--why", wanted.why, "--json")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=most)
    except subprocess.TimeoutExpired:
        out, errors = b"", f"it took more than {most / 60:g} minutes".encode()
    finally:
        with suppress(ProcessLookupError):
            process.kill()  # what it has begun stays, and the next one goes on from there
        process.wait()
    same = {"model": wanted.name, "why": wanted.why}
    try:
        found = orjson.loads(out)
    except orjson.JSONDecodeError:
        lines = errors.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        return {**same, "candidate": None, "state": None, "gate": None, "says": lines[-1][:500]}
    last = found["gates"][-1]
    return {
        **same,
        "candidate": found["candidate"],
        "state": found["state"],
        "gate": last["gate"],
        "says": f"{last['gate']}: {last['says']}",
        "figures": {each["gate"]: each["figures"] for each in found["gates"] if each["gate"] != "certificate"},
    }


def _promoted(wanted: Wanted) -> dict[str, Any]:
    """Lets a challenger decide, if it has done well."""
    model = f"{wanted.name}@{wanted.challenger}"
    gate = ours.with_book(lambda settings, codec, book: _tried(wanted, settings, codec, book))
    state = None
    if gate.passed:
        states.change(lambda book: _activated(book, wanted), f"{wanted.why}: {gate.says}", by=ITSELF)
        state = "active"
    return {"state": state, "gate": gate.gate, "says": f"{model}: {gate.says}", "figures": gate.figures}


def _activated(book: ModelBook, wanted: Wanted) -> Any:
    """Raises UsageError where people have changed something meanwhile, or its band is closed."""
    now = states.decides(book, wanted.name)
    if now.rival is None or now.rival.version != wanted.challenger or now.rival.share:
        raise UsageError(f"{wanted.name}@{wanted.challenger}: is no shadow any more")
    model = ours.loaded(book, wanted.name, wanted.challenger)
    held = model.band.closed or model.changed(now.rival.sha256)
    if held is not None:
        raise UsageError(f"{wanted.name}@{wanted.challenger}: {held.text}")
    return states.activated(book, f"{wanted.name}@{wanted.challenger}")


async def _tried(wanted: Wanted, settings: Settings, codec: Codec | None, book: ModelBook) -> Gate:
    from models.making.learning import shadowed
    from streams.cli._models_tried import tried

    card = making.read_draft(book.folder(wanted.name, book.active[wanted.name].version))
    by = learning.read_learning(card["learning"], wanted.name)
    certificate = ours.loaded(book, wanted.name, wanted.challenger).band.certificate
    since = 0
    for each in reversed(book.history(wanted.name)):
        if each.rival != wanted.challenger:
            break
        since = each.from_ms
    counts = await tried(settings, codec, wanted.name, wanted.challenger, since) if codec is not None else (0, 0, 0, 0)
    return shadowed(*counts, by.promote_after, certificate.target if certificate else 0.0)


def _stopped(_signal: int, _frame: object) -> None:
    raise SystemExit(128 + signal.SIGTERM) from None
