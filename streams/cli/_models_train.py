"""`exlify models init` and `train`: a trainer to start from, and a version of what it makes.

    init ─▶ trainers/NAME/train.py, card.toml ─▶ train ─▶ parity ─▶ models/NAME/VERSION ─▶ a shadow, where one decides

The trainer is called as `learn` calls it, so one that stands here can learn later from what turned out.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli import _models_labels as labelling
from streams.cli import _models_making as making
from streams.cli import _models_states as states
from streams.cli._models_gates import ClosedGate, Gates, tell
from streams.cli._models_learn import read_learning
from streams.cli._models_trainer import LOG, ROWS, alone, train, workshop
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from models.making.learning import Learning
    from models.making.rows import Rows
    from streams.processors.decide.states import ModelBook

FOLDER = "trainers"
TRAINER, CARD = "train.py", "card.toml"
CHANCE = "inclusion_probability"
label_option: Callable[[Any], Any] = click.option(
    "--label", default="label", show_default=True, metavar="COLUMN", help="Column with what became of the case."
)
without_option: Callable[[Any], Any] = click.option(
    "--without", multiple=True, metavar="COLUMN", help="A column that is no input; may be repeated."
)


@click.command("init")
@click.argument("name")
@click.option("--rows", "file", type=ours.FILE, help="CSV file of labelled rows: its columns become the inputs.")
@label_option
@without_option
@click.option("--python", default="python3", show_default=True, help="What runs the trainer; it has scikit-learn.")
@json_option
def init(name: str, file: Path | None, label: str, without: tuple[str, ...], python: str, as_json: bool) -> None:
    """Write a trainer to start from: trainers/NAME/train.py of the site folder, with the beginning of a card beside it.

    It is a logistic regression with scikit-learn; change it, or name another command in the card. Next: exlify models
    train.
    """
    import tomli_w

    from models.making.drafting import DraftError, seen_inputs

    _named(name)
    place = making.site_folder().parent / FOLDER / name
    for part in (TRAINER, CARD):
        if (place / part).exists():
            raise UsageError(f"{place / part}: is there already. It is yours; take another name, or remove it.")
    card: dict[str, Any] = {
        "purpose": f"What {name} is for.",
        "limits": "For whom it was not made.",
        "learning": {"trainer": [python, f"{FOLDER}/{name}/{TRAINER}"]},
    }
    if file is not None:
        try:
            rows = ours.rows(file)
            rows.column(label)
            card["inputs"] = seen_inputs(rows.without([label, CHANCE, *without]))
        except (DraftError, ValueError) as error:
            raise UsageError(f"{file}: {error}") from None
    ours.write_whole(place / CARD, tomli_w.dumps(card).encode())
    ours.write_whole(place / TRAINER, _template())
    if as_json:
        print_json({"model": name, "trainer": str(place / TRAINER), "card": str(place / CARD)})
        return
    echo(f"written: {place / TRAINER} and {place / CARD}. Read both, they are yours.")
    if file is None:
        echo(f"First declare what the model reads: [[inputs]] in {place / CARD}, or give rows to init.")
    echo(f"Then: exlify models train {name} --data {file or 'ROWS.csv'} --label {label}")


@click.command("train")
@click.argument("name")
@click.option("--data", "file", type=ours.FILE, required=True, help="CSV file of labelled rows.")
@label_option
@click.option("--bad", metavar="LABEL", help="Of two outcomes: what must not go alone. Else labels are routes.")
@without_option
@states.why_option
@json_option
def train_model(
    name: str, file: Path, label: str, bad: str | None, without: tuple[str, ...], why: str, as_json: bool
) -> None:
    """Run the trainer of NAME on rows, and add what it makes as the next version.

    The trainer is the command that the card names (`[learning]`): that of trainers/NAME, else that of the version that
    decides. It runs in a process of its own, within the time and memory of the card. The new version decides nothing:
    where another one does it is a shadow, which scores every case. Certify it on other rows than these.

    Exit code 3 where the trainer failed, or its model does not give the scores that it states.
    """
    _named(name)
    gates, version, state = Gates(), None, None
    with alone(name):
        book = ours.known()
        card, of = _card(book, name)
        learning = read_learning(card.get("learning", {}), of)
        good = "" if bad is None else card.get("routing", {}).get("route", "approve")
        rows = _labelled(ours.rows(file), file, label, (bad, good), without)
        try:
            version = _trained(gates, book, name, card, learning, rows, file)
            state = _beside(gates, name, version, why or f"trained on {file.name}")
        except ClosedGate:
            pass
    found = {
        "model": version and f"{name}@{version}",
        "state": state,
        "gates": [each._asdict() for each in gates.gates],
    }
    if as_json:
        print_json(found)
    else:
        tell(gates.gates)
        if version is not None:
            echo(f"{name}@{version} decides nothing yet. Next: exlify models certify {name}@{version} --data OTHER.csv")
    if version is None:
        raise SystemExit(making.EXIT_NOT_CERTIFIED)


def _named(name: str) -> None:
    from models.serving.shelf import is_word

    if not is_word(name):
        raise UsageError(f"{name}: is no name of a model. Write letters, digits, dots and hyphens, without a version.")


def _template() -> bytes:
    from models import making as package

    return (Path(package.__path__[0]) / "starting_trainer.py").read_bytes()


def _card(book: ModelBook, name: str) -> tuple[Mapping[str, Any], Path]:
    """The card that says how NAME is trained, and where it is. Raises UsageError."""
    begun = making.site_folder().parent / FOLDER / name
    if (begun / CARD).is_file():
        return making.read_draft(begun), begun / CARD
    if any(known == name for known, _ in book.versions()):
        folder = book.folder(*ours.place(book, name))
        card = making.read_draft(folder)
        if "learning" in card:
            return card, folder / CARD
        raise UsageError(f"{folder / CARD}: names no trainer ([learning]). Begin with: exlify models init {name}")
    raise UsageError(f"{name}: there is no {begun / CARD}. Begin with: exlify models init {name}")


def _labelled(rows: Rows, file: Path, label: str, two: tuple[str | None, str], without: tuple[str, ...]) -> Rows:
    """The rows as a trainer reads them: `label` is the route that would have been right. `two`: the label of what must
    not go alone, and the route of what may."""
    from models.making.learning import LABEL
    from models.making.rows import Rows
    from models.serving.card import REVIEW

    try:
        found = [None if each is None else str(each) for each in rows.column(label)]
        for column in without:
            rows.column(column)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    if label != LABEL and LABEL in rows.columns and LABEL not in without:
        raise UsageError(f"{file}: column {LABEL!r} is not that of the labels. Leave it out: --without {LABEL}")
    bad, good = two
    if bad is not None:
        if bad not in found:
            raise UsageError(
                f"--bad: no row has the label {bad!r}; there are {', '.join(sorted({*filter(None, found)})[:10])}"
            )
        found = [REVIEW if each == bad else each and good for each in found]
    rest = rows.without([label, *without])
    chance = {} if CHANCE in rest.columns else {CHANCE: 1.0}
    cases = [{**case, LABEL: each, **chance} for case, each in zip(rest.cases, found, strict=True) if each is not None]
    return Rows((*rest.columns, LABEL, *chance), cases, rows.sha256)


def _trained(
    gates: Gates, book: ModelBook, name: str, card: Mapping[str, Any], learning: Learning, rows: Rows, file: Path
) -> str:
    """The version that was made, in its place. Raises ClosedGate."""
    from models.making import learning as by
    from models.making.checking import PARITY_FILE, checked
    from models.serving.card import MODEL_FILE

    place, version = workshop(name), making.next_version(book.versions(), name)
    labels = labelling.noted(name, rows.sha256)
    made, stage = place / "made", place / "made-stage" / name / version
    for left in (made, place / "made-stage"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    gates.through(train(learning, rows, made, place / LOG, making.site_folder().parent))
    with gates.reading(f"card.toml or {PARITY_FILE}"):
        draft = by.renewed(card, making.read_draft(made), {"source": file.name})
        labelling.pin(draft, labels, rows.sha256)
        used = ours.rows(made / "rows.csv") if (made / "rows.csv").exists() else rows
        if draft.get("inputs"):
            used = by.trained_on(used, [each["field"] for each in draft["inputs"]])
        else:
            used = used.without([by.LABEL, CHANCE])
        making.added(made / MODEL_FILE, draft, used, ((), None), name, version, stage)
        making.copy_parts(made, stage)
        seen = checked(stage, ours.loaded_from(book, stage), used)
    gates.through(by.parity(seen))
    making.installed(stage, ours.models_folder() / name / version)
    shutil.rmtree(made, ignore_errors=True)
    (place / ROWS).unlink(missing_ok=True)
    return version


def _beside(gates: Gates, name: str, version: str, why: str) -> str | None:
    """Lets it score every case beside the version that decides, where nothing else is tried there."""
    from models.making.learning import Gate

    now = ours.known().active.get(name)
    if now is None or now.state == "retired":
        return None
    if now.rival is not None:
        says = f"not begun, for {now.rival.words}. First: exlify models withdraw {name}"
        gates.gates.append(Gate("shadow", True, says, {}))
        return None
    states.change(lambda known: states.beside(known, f"{name}@{version}", 0), why)
    gates.through(Gate("shadow", True, f"{version} scores every case beside {now.version}", {"share": 0}))
    return "shadow"


COMMANDS = (init, train_model)
