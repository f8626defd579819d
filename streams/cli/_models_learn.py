"""`exlify models learn`: from what turned out to a challenger that is tried beside the model, gate by gate.

    labels ─▶ split in time ─▶ trainer ─▶ parity ─▶ certificate ─▶ fairness ─▶ shadow ─▶ (promoted, where asked for)

What is under way is in `models/.learn/NAME` of the site folder: while `labels.csv` is there, a run goes on from where
the one before ended. The new version is made there, and moved to its place whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli import _models_labels as labelling
from streams.cli import _models_making as making
from streams.cli import _models_states as states
from streams.cli._models_gates import ClosedGate, Gates, tell
from streams.cli._models_trainer import LOCK, LOG, alone, train, workshop
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from models.making.learning import Attempt, Learning, Parts
    from models.making.rows import Rows
    from models.serving.predict import Model
    from models.serving.shelf import Pin
    from streams.processors.decide.states import ModelBook

LABELS = "labels.csv"
TRIED = "tried.json"


@dataclass
class Run(Gates):
    """Somebody learning from labels."""

    book: ModelBook
    pin: Pin
    place: Path  # of what is under way
    card: Mapping[str, Any]
    learning: Learning
    tried: tuple[Attempt, ...] = ()  # what has been tested, for any version that decided
    labels: str | None = None  # the version of the data set that it learns from, where that was taken on Kafka


@click.command("learn")
@click.argument("name")
@click.option("--data", "file", type=ours.FILE, help="Labels in a file, as `labels` writes them; else those on Kafka.")
@click.option("--promote", is_flag=True, help="Let it decide at once; else it is a shadow until it is activated.")
@states.why_option
@json_option
def learn(name: str, file: Path | None, promote: bool, why: str, as_json: bool) -> None:
    """Train a challenger on what turned out, prove where it may act alone, and let it score every case beside NAME.

    The card of the model that decides says how (`[learning]`). Each gate is told with its figures. At the first that is
    not passed it ends with exit code 3, and what decides stays as it is. Killed, it goes on when it is run again.
    """
    if promote and not why:
        raise UsageError("--promote: say why it is to decide: --why TEXT")
    with _begun(name) as run:
        candidate, state = None, None
        try:
            candidate = _learned(run, file)
            state = _in_force(run, candidate, promote, why)
        except ClosedGate:
            pass
        _ended(run.place)
    told = {"model": f"{name}@{run.pin.version}", "labels": run.labels, "gates": [each._asdict() for each in run.gates]}
    if as_json:
        print_json({**told, "candidate": candidate and f"{name}@{candidate}", "state": state})
    else:
        tell(run.gates)
        if state == "shadow":
            echo(f"To let it decide: exlify models activate {name}@{candidate} --why TEXT")
        elif state is not None:
            echo(f"To go back: exlify models rollback {name}")
    if state is None:
        raise SystemExit(making.EXIT_NOT_CERTIFIED)


@contextmanager
def _begun(name: str) -> Iterator[Run]:
    """One at a time for each name. Raises UsageError where nothing can be learned for it."""
    if "@" in name:
        raise UsageError(f"{name}: a challenger is made for the version that decides; leave the version out")
    _run(ours.known(), name)
    with alone(name):
        yield _run(ours.known(), name)  # somebody else may have ended while this waited to be the only one


def _run(book: ModelBook, name: str) -> Run:
    from models.serving.card import CARD_FILE

    ours.place(book, name)
    pin = states.decides(book, name)
    if pin.rival is not None and pin.rival.share:
        raise UsageError(f"{name}: {pin.rival.words}. First: exlify models withdraw {name}")
    folder = book.folder(name, pin.version)
    card = making.read_draft(folder)
    if "learning" not in card:
        raise UsageError(f"{folder / CARD_FILE}: does not say how it learns ([learning], models/your-own-model.md)")
    return Run(book, pin, workshop(name), card, read_learning(card["learning"], folder / CARD_FILE), tried(name))


def read_learning(section: Any, of: object) -> Learning:
    """The section `[learning]` of a card. Raises UsageError."""
    import msgspec

    from models.making.learning import Learning

    try:
        return msgspec.convert(section, Learning)
    except msgspec.ValidationError as error:
        raise UsageError(f"{of}: [learning]: {error}") from None


def tried(name: str) -> tuple[Attempt, ...]:
    """What has been tested for a model, the last one last. Raises UsageError."""
    import msgspec

    from models.making.learning import Attempt

    path = workshop(name) / TRIED
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Attempt, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}). Mend it; without it what is tested next counts as the first."
        ) from None


def _before(run: Run, rows: Rows) -> list[Attempt]:
    """What was tested before these labels, of challengers for the same version."""
    mine = [each for each in run.tried if each.version == run.pin.version]
    place = next((number for number, each in enumerate(mine) if each.labels_sha256 == rows.sha256), len(mine))
    return mine[:place]


def _note(run: Run, found: Parts) -> None:
    """That these labels test a challenger now; a run that goes on after a kill is none more."""
    import msgspec

    from models.making.learning import Attempt

    sha256, count = found.training.sha256, run.gates[0].figures["labels"]
    if (run.pin.version, sha256) not in [(each.version, each.labels_sha256) for each in run.tried]:
        run.tried = (*run.tried, Attempt(run.pin.version, sha256, count, time.time_ns() // 1_000_000))
        ours.write_whole(run.place / TRIED, msgspec.json.encode(run.tried))


def _learned(run: Run, file: Path | None) -> str:
    """The version that was made of the labels, in its place and certified. Raises ClosedGate."""
    from models.making import learning as by
    from models.making.rows import read_rows

    path = run.place / LABELS
    afresh = not path.exists()
    _take_labels(run, file, path)
    try:
        rows = read_rows(path)
        if making.told(run.card, "labels_sha256") == rows.sha256:
            if afresh:
                run.fail("labels", f"{run.pin.name}@{run.pin.version}, which decides, has learned from them already")
            return run.pin.version  # it was promoted, and killed before that could be said
        before = _before(run, rows)
        delta = by.allowed(run.learning.delta, len(before))
        known = any(each.labels_sha256 == rows.sha256 for each in run.tried)
        run.through(by.counted(rows, run.learning, () if known else before))
        found = by.parts(rows, run.learning)
    except ValueError as error:
        run.fail("labels", f"{error}. They are rows as `exlify models labels` writes them.")
    run.labels = labelling.noted(run.pin.name, rows.sha256)
    now = ours.loaded(run.book, run.pin.name, run.pin.version)
    target = run.learning.target or round(0.75 * now.card.routing.break_even, 6)
    audited = bool(run.pin.audit or run.pin.state == "suspended" or now.band.closed)
    run.through(by.split(found, target, delta, audited=audited))
    learned = by.identity(rows, run.learning, run.pin.version)
    version = _made_before(run, learned)
    if version is None:
        made = run.place / learned[:16]
        run.through(train(run.learning, found.training, made, run.place / LOG, making.site_folder().parent))
        version = _installed(run, made, found, learned, (target, delta))
    return version


def _take_labels(run: Run, file: Path | None, path: Path) -> None:
    """Those of the run that did not end stay; else all that there are now."""
    if not path.exists():
        if file is not None:
            ours.write_whole(path, file.read_bytes())
        else:
            labelling.written(run.pin.name, path, taken_for=labelling.LEARNING)
    elif file is not None and path.read_bytes() != file.read_bytes():
        raise UsageError(f"{file}: a run with other labels did not end. First: exlify models learn {run.pin.name}")


def _made_before(run: Run, learned: str) -> str | None:
    """The version that this very learning has made, if it is in its place."""
    mine = [version for name, version in run.book.versions() if name == run.pin.name]
    cards = {version: making.read_draft(run.book.folder(run.pin.name, version)) for version in mine}
    return next((each for each, card in cards.items() if making.told(card, "learned") == learned), None)


def _installed(run: Run, made: Path, found: Parts, learned: str, promise: tuple[float, float]) -> str:
    """Puts a version in its place, whole: it has passed its gates, and has its certificate (`promise` is target and
    delta). Raises ClosedGate."""
    from models.making import learning as by
    from models.serving.card import MODEL_FILE

    name, version = run.pin.name, making.next_version(run.book.versions(), run.pin.name)
    stage = run.place / "stage" / name / version
    shutil.rmtree(run.place / "stage", ignore_errors=True)
    with run.reading("card.toml"):
        draft = by.draft(run.card, making.read_draft(made), learned, found, name, run.pin.version)
        labelling.pin(draft, run.labels, found.training.sha256)
        rows = ours.rows(made / "rows.csv") if (made / "rows.csv").exists() else found.training
        columns = by.trained_on(rows, [each["field"] for each in draft["inputs"]]) if draft.get("inputs") else rows
        making.added(made / MODEL_FILE, draft, columns, ((), None), name, version, stage)
        making.copy_parts(made, stage)
        model = ours.loaded_from(run.book, stage)
    _proved(run, stage, model, found, *promise)
    place = ours.models_folder() / name / version
    making.installed(stage, place)
    return version


def _proved(run: Run, stage: Path, model: Model, found: Parts, target: float, delta: float) -> None:
    """Parity, certificate and fairness. Raises ClosedGate."""
    import msgspec

    from models.making import learning as by
    from models.making.checking import PARITY_FILE, checked
    from models.making.labelled import certify_rows
    from models.serving.certificate import CERTIFICATE_FILE

    try:
        seen = checked(stage, model, found.test)
    except (ValueError, KeyError, TypeError) as error:
        run.fail("parity", f"{PARITY_FILE} of the trainer cannot be read: {error!r}")
    run.through(by.parity(seen))
    groups = run.learning.groups
    _note(run, found)
    try:
        made, text = certify_rows(
            model, found.test, by.LABEL, bad=None, groups=groups, target=target, delta=delta,
            group_delta=run.learning.delta, code=making.code(),
        )  # fmt: skip
    except ValueError as error:
        run.fail("certificate", str(error))
    ours.write_whole(stage / CERTIFICATE_FILE, ours.signed(text))
    closed = ours.loaded_from(run.book, stage).band.closed if made.certified and made.fairness_passed else None
    says = making.proof(made) if made.certified else f"nothing is proved at a target of {made.target:.1%}"
    says = f"{says}; {closed.text}" if closed else says
    run.through(by.Gate("certificate", made.certified and closed is None, says, msgspec.to_builtins(made)))
    looked = f"looked at by {', '.join(groups)}" if groups else "no groups are declared"
    says = looked if made.fairness_passed else f"{looked}: one has more wrong decisions than the target allows"
    run.through(by.Gate("fairness", made.fairness_passed, says, {"groups": [*groups]}))


def _in_force(run: Run, version: str, promote: bool, why: str) -> str:
    """Lets it be a shadow, and decide if that is asked for: in the files that are there, if these may act alone."""
    from models.making.learning import Gate

    model = f"{run.pin.name}@{version}"
    book = ours.known()
    now = states.decides(book, run.pin.name)
    if now.version != version:
        closed = ours.loaded(book, run.pin.name, version).band.closed
        if closed is not None:
            run.fail("shadow", closed.text)
        rival = states.beside(book, model, 0)
        if now != rival:
            states.change(lambda known: states.beside(known, model, 0), why or "learned from labels")
        run.through(Gate("shadow", True, f"{version} scores every case beside {now.version}", {"share": 0}))
        if not promote:
            return "shadow"
        states.change(lambda known: states.activated(known, model), why)
    run.through(Gate("promotion", True, f"{version} decides", {"why": why}))
    return "active"


def _ended(place: Path) -> None:
    """Nothing is under way any more; what the trainer said stays. The labels go last: until then it has not ended."""
    for each in sorted(place.iterdir(), key=lambda each: each.name == LABELS):
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name not in (LOCK, LOG, TRIED):
            each.unlink()
