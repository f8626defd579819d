"""`exlify models add`, `check` and `certify`: from somebody's file to a model that may be put into force."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError
from streams.processors.decide.places import SITE_FOLDER

if TYPE_CHECKING:
    from models.serving.certificate import Certificate

EXIT_NOT_CERTIFIED = 3
PARTS = ("parity.jsonl",)  # of a folder that is brought, beside model and card


@click.command("add")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="Name of the model. Default: that of its card, else of the file or folder.")
@click.option("--version", help="Its version. Default: the next number.")
@click.option("--rows", "file", type=ours.FILE, help="CSV file of rows that it was trained on: inputs, their ranges.")
@click.option("--without", multiple=True, metavar="COLUMN", help="A column that is no input; may be repeated.")
@click.option("--scores", metavar="COLUMN", help="Column with the score that the model has to give; is no input.")
@click.option("--cost-bad", type=float, help="Cost of a bad case that goes without a person.")
@click.option("--cost-review", type=float, help="Cost of a case that a person looks at.")
@json_option
def add(
    path: Path,
    name: str | None,
    version: str | None,
    file: Path | None,
    without: tuple[str, ...],
    scores: str | None,
    cost_bad: float | None,
    cost_review: float | None,
    as_json: bool,
) -> None:
    """Add an ONNX FILE, or a FOLDER with model.onnx and a card.toml as far as it goes, and write its card.

    Looks at operators, shapes, outputs and rows before anything is written. The model decides nothing until it is
    activated, and nothing alone until it is certified.
    """
    book = ours.known()
    folder = path if path.is_dir() else None
    given = read_draft(folder)
    costs = {"cost_bad": cost_bad, "cost_review": cost_review}
    given["routing"] = {**given.get("routing", {}), **{key: cost for key, cost in costs.items() if cost is not None}}
    name = name or given.get("name") or path.stem
    version = version or next_version(book.versions(), name)
    ours.place(book, f"{name}@{version}")
    place = ours.models_folder() / name / version
    if book.folder(name, version).is_dir():
        raise UsageError(f"{name}@{version} is there already. A version is never changed; take another number.")
    rows = ours.rows(file) if file else None
    found = added(
        path if folder is None else folder / "model.onnx", given, rows, (without, scores), name, version, place
    )
    if folder is not None:
        copy_parts(folder, place)
    ours.stored(place)
    _report_check(f"{name}@{version}", place, rows, scores, {"folder": str(place), **found}, as_json)


def added(
    model: Path,
    given: Mapping[str, Any],
    rows: Any,
    columns: tuple[tuple[str, ...], str | None],
    name: str,
    version: str,
    place: Path,
) -> dict[str, Any]:
    """Writes a file and its card, as far as it is given, as a version into a place. Raises UsageError."""
    import tomli_w

    from models.making.drafting import DraftError, drafted
    from models.serving.card import CARD_FILE, MAX_MODEL_BYTES, MODEL_FILE, content
    from models.serving.errors import RefusedModelError

    without, scores = columns
    try:
        for column in filter(None, (*without, scores)):
            if rows is not None:
                rows.column(column)
        inputs = rows.without([*without, *filter(None, [scores])]) if rows is not None else None
        data = content(model, MAX_MODEL_BYTES)
        card = drafted(data, given, inputs, name, version)
    except RefusedModelError as error:
        raise UsageError(f"{model}: {error}") from None
    except (DraftError, ValueError) as error:
        raise UsageError(f"{name}@{version}: {error}") from None
    ours.write_whole(place / MODEL_FILE, data)
    ours.write_whole(place / CARD_FILE, tomli_w.dumps(card).encode())
    return {"model": f"{name}@{version}", "task": card["model"]["task"], "inputs": len(card["inputs"])}


def copy_parts(folder: Path, place: Path) -> None:
    """What a model is brought with beside its file and card."""
    for part in PARTS:
        if (folder / part).is_file():
            shutil.copyfile(folder / part, place / part)


def installed(stage: Path, place: Path) -> None:
    """Puts a version that was made elsewhere in its place, whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f".{place.name}.*"):  # of somebody who was killed; one at a time is at it
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(stage, partly := place.with_name(f".{place.name}.{os.getpid()}"))  # it may be on another disk
    partly.rename(place)
    shutil.rmtree(stage)
    ours.stored(place)


@click.command("check")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--rows", "file", type=ours.FILE, help="CSV file of cases to look at.")
@click.option("--scores", metavar="COLUMN", help="Column with the score that the model has to give.")
@json_option
def check(model: str, file: Path | None, scores: str | None, as_json: bool) -> None:
    """Check a model as serving does, against the scores of its training, and on rows. Exit code 1 if it fails."""
    book = ours.known()
    name, version = ours.place(book, model)
    rows = ours.rows(file) if file else None
    _report_check(f"{name}@{version}", book.folder(name, version), rows, scores, {}, as_json)


def _report_check(
    model: str, place: Path, rows: Any, scores: str | None, more: Mapping[str, Any], as_json: bool
) -> None:
    from models.making.checking import checked
    from models.serving.errors import RefusedModelError
    from models.serving.predict import Model

    try:
        loaded = Model.load(place)
        found = checked(place, loaded, rows, scores)
    except (RefusedModelError, ValueError) as error:
        raise UsageError(f"{model}: {error}") from None
    if as_json:
        print_json({**more, **found._asdict(), "routes": [*loaded.head.routes, "review"]})
    else:
        echo(f"{model}: {loaded.head.kind}, routes {', '.join([*loaded.head.routes, 'review'])}")
        if found.rows:
            echo(f"{found.rows} rows looked at, {found.held} of them for people whatever the score")
        if found.largest_gap is not None:
            echo(f"largest gap to the scores given: {found.largest_gap:.1e}")
        if more:
            echo(f"added to {more['folder']}. Read its card, then: exlify models certify {model} --data LABELLED.csv")
    for fault in found.faults:
        echo(f"! {fault}", err=True)
    if found.faults:
        raise SystemExit(1)


@click.command("certify")
@click.argument("model", metavar="NAME[@VERSION]")
@click.option("--data", "file", type=ours.FILE, required=True, help="CSV file of labelled rows, none of its training.")
@click.option("--label", required=True, metavar="COLUMN", help="Column with what became of the case.")
@click.option("--bad", default="1", show_default=True, help="Of a binary model: the label of what must not go alone.")
@click.option("--target", type=float, help="Largest share of wrong cases. Default: three quarters of the break-even.")
@click.option("--delta", type=float, default=0.05, show_default=True, help="Largest chance that this was luck.")
@click.option("--starts", type=int, default=5, show_default=True, help="Where the test begins; starts share delta.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN", help="Look at fairness by it; may be repeated.")
@json_option
def certify(
    model: str,
    file: Path,
    label: str,
    bad: str,
    target: float | None,
    delta: float,
    starts: int,
    groups: tuple[str, ...],
    as_json: bool,
) -> None:
    """Prove on labelled rows where a model may act alone, and write its certificate.

    Some of the rows fix thresholds, the others test them. Exit code 3 if nothing is proved: then everything goes to
    people, which is a result, too. A model that decides already has to be activated anew with its certificate.
    """
    from models.making.labelled import certify_rows
    from models.serving.certificate import CERTIFICATE_FILE

    book = ours.known()
    name, number = ours.place(book, model)
    place, loaded, rows = book.folder(name, number), ours.loaded(book, name, number), ours.rows(file)
    if _trained_on(place) == rows.sha256:
        raise UsageError(f"{file}: the model was made of these rows. Certify it on rows that had no part in it.")
    wanted = round(0.75 * loaded.card.routing.break_even, 6) if target is None else target
    try:
        made, text = certify_rows(
            loaded,
            rows,
            label,
            bad=bad,
            groups=groups,
            target=wanted,
            delta=delta,
            starts=starts,
            code=code(),
        )
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    ours.write_whole(place / CERTIFICATE_FILE, ours.signed(text))
    ours.stored(place)
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(made))
    elif made.certified:
        echo(f"certified: {proof(made)}")
        if not made.fairness_passed:
            echo("! but the fairness gate was not passed: everything goes to people", err=True)
    else:
        echo(f"not certified: nothing is proved at a target of {made.target:.1%}. Everything goes to people.", err=True)
    if not (made.certified and made.fairness_passed):
        raise SystemExit(EXIT_NOT_CERTIFIED)


def code() -> str:
    """What made a certificate."""
    return f"exlify {version_of('exlify')}"


def proof(made: Certificate) -> str:
    """What a certificate proves, for people."""
    return (
        f"{made.wrong} wrong of {made.cases} below a doubt of {made.threshold:g}; "
        f"at most {made.upper_bound:.1%}, target {made.target:.1%}; {made.coverage:.1%} of the cases go alone"
    )


def read_draft(folder: Path | None) -> dict[str, Any]:
    """The card that is brought, as far as it goes."""
    path = folder / "card.toml" if folder else None
    if path is None or not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())[:200]}") from None


def _trained_on(place: Path) -> str | None:
    """The hash of the rows that the card was made with."""
    return told(read_draft(place), "rows_sha256")


def told(card: Mapping[str, Any], of: str) -> str | None:
    """What a card says of the data that it was made with."""
    found = card.get("data", {})
    return found.get(of) if isinstance(found, dict) else None


def next_version(versions: list[tuple[str, str]], name: str) -> str:
    """The next number of a model."""
    numbers = [int(version) for known, version in versions if known == name and version.isascii() and version.isdigit()]
    return str(max(numbers, default=0) + 1)


def site_folder() -> Path:
    """Where the models of the site are."""
    from streams.catalogue import load_settings

    return load_settings().site_dir / SITE_FOLDER


@click.command("sign")
@click.argument("model", metavar="NAME[@VERSION]")
def sign(model: str) -> None:
    """Sign a certificate with the key in EXLIFY_CERTIFICATE_KEY, or in the file that EXLIFY_CERTIFICATE_KEY_FILE names.

    A model that comes with the product is copied into the site folder. One that decides has to be activated anew.
    """
    from models.serving.card import content
    from models.serving.certificate import CERTIFICATE_FILE, MAX_CERTIFICATE_BYTES
    from models.serving.errors import RefusedModelError
    from models.serving.shelf import BUNDLED

    book = ours.known()
    name, version = ours.place(book, model)
    place = book.folder(name, version)
    try:
        text = ours.signed(content(place / CERTIFICATE_FILE, MAX_CERTIFICATE_BYTES), needed=True)
    except RefusedModelError as error:
        raise UsageError(str(error)) from None
    if place.is_relative_to(BUNDLED):
        place = _copied(place, ours.models_folder() / name / version, text)
    else:
        ours.write_whole(place / CERTIFICATE_FILE, text)
    ours.stored(place)
    echo(f"signed: {place / CERTIFICATE_FILE}. Put it into force: exlify models activate {name}@{version}")


def _copied(bundled: Path, place: Path, certificate: bytes) -> Path:
    """A model of the product in the site folder, with another certificate: a part of it would hide the whole one."""
    from models.serving.certificate import CERTIFICATE_FILE

    place.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=place.parent, prefix=".") as folder:
        whole = shutil.copytree(bundled, Path(folder) / place.name)
        ours.write_whole(whole / CERTIFICATE_FILE, certificate)
        return whole.rename(place)


@click.command("push")
@click.argument("model", metavar="NAME[@VERSION]")
def push(model: str) -> None:
    """Take a version to the store, EXLIFY_MODELS_STORE: one of the site folder, or one that could not get there.

    A model file is never changed there; card and certificate become those that are here.
    """
    from models.serving.store import StoreError
    from streams.catalogue import load_settings
    from streams.processors.decide.places import store

    found = store(load_settings())
    if found is None:
        raise UsageError("There is no store. Name one: EXLIFY_MODELS_STORE=s3://BUCKET/PREFIX")
    book = ours.known()
    name, version = ours.place(book, model)
    place = book.folder(name, version)
    ours.loaded_from(book, place)
    try:
        found.put(place)
    except StoreError as error:
        raise UsageError(str(error)) from None
    echo(f"{name}@{version} is at {found.address.url}")


COMMANDS = (add, check, certify, sign, push)
