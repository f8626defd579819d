"""`exlify models labels` and `label-sets`: what turned out about the decisions of a model, as rows for whoever trains
or certifies, and the versions of these rows that were taken."""

from __future__ import annotations

import getpass
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _label_sets as sets
from streams.cli import _models as ours
from streams.cli import _models_making as making
from streams.cli._moments import moment, utc_option
from streams.cli._output import echo, json_option, print_fields, print_json, print_page
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.cli._label_sets import LabelSet
    from streams.ground.settings import Settings
    from streams.processors.decide.states import ModelBook

EXPORT, LEARNING = "export", "learning"  # what a version is taken for
NOWHERE = "Labels are on Kafka, and no Exlify runs here: start it with `exlify up`."


@click.command("labels")
@click.argument("model", metavar="NAME[@VERSION]")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--every", is_flag=True, help="Later and contradicting labels, too; else the first one of each decision.")
@click.option(
    "--drawn", is_flag=True, help="Only decisions that were drawn for an audit: a fair sample, for certifying."
)
@click.option("--of", metavar="SET", help="The rows of a version that was taken before (`label-sets`), byte for byte.")
@json_option
def labels(model: str, file: Path, every: bool, drawn: bool, of: str | None, as_json: bool) -> None:
    """Write decisions of a model, with what would have been right, to FILE (CSV), in the order in which it turned out.

    A row has the inputs of the model and `label`. `inclusion_probability` is the chance that such a case is looked at:
    what learns from the rows has to weigh by it. What is written is a version of the data set, named by the hash that
    is told: card and certificate of a model that is made of it name it, and with --of it is written again when other
    labels have come.
    """
    if of is not None and (every or drawn):
        raise UsageError("--of: which labels it has was said when it was taken; leave --every and --drawn out")
    found = again(model, file, of) if of is not None else written(model, file, every=every, drawn=drawn)
    told = {"file": str(file), "rows": found.rows, "unread": found.unread, "sha256": found.sha256}
    told["set"] = found.version if found.rows else None
    if as_json:
        print_json(told)
    else:
        unread = f", {found.unread} left out, whose inputs cannot be read" if found.unread else ""
        version = f"version {found.version}, " if found.rows else ""
        echo(f"{found.rows} rows{unread}: {version}sha256 {found.sha256}")


@click.command("label-sets")
@click.argument("name")
@click.argument("of", metavar="[SET]", required=False)
@json_option
@utc_option
def label_sets(name: str, of: str | None, as_json: bool) -> None:
    """List the versions of the data set of labels of NAME; or show SET, the first digits of one, or `latest`.

    One is taken by `labels` and by everything that learns from labels. What contradicts, or came later than the first
    label of its decision, is counted, and is among the rows only of those taken with --every. USED BY are the versions
    of the model that were made of it.
    """
    found, used = ours.with_book(lambda settings, codec, book: _known(settings, codec, book, name))
    if of is not None:
        one = sets.chosen(found, name, of)
        print_json(_shown(one, used)) if as_json else print_fields(_fields(one, used))
    elif as_json:
        print_json({"sets": [_shown(each, used) for each in found]})
    else:
        head = ("SET", "TAKEN", "FOR", "ROWS", "LATER", "CONTRADICTING", "NEWEST", "USED BY")
        rows = (
            (
                each.version, moment(_time(each.at_ms)), each.taken_for, each.rows, each.later, each.contradicting,
                moment(_time(each.newest_ms)), ", ".join(used.get(each.sha256, ())) or None,
            )
            for each in found
        )  # fmt: skip
        print_page(head, rows, None, spare=["NEWEST", "FOR", "LATER"], whole=["SET"])


def written(model: str, file: Path, *, every: bool = False, drawn: bool = False, taken_for: str = EXPORT) -> LabelSet:
    """Writes labels to a file, whole or not at all, as a version. Raises UsageError."""
    name, _, version = model.partition("@")

    async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> LabelSet:
        if codec is None:
            raise UsageError(NOWHERE)
        inputs = tuple(each.field for each in ours.loaded(book, *ours.place(book, model)).card.inputs)
        if taken := sorted({*inputs} & {*sets.OF_LABEL, *(time.removesuffix("_ms") for time in sets.TIMES)}):
            raise UsageError(f"{model}: its input {taken[0]} is called like a column of labels")
        wanted = sets.Wanted(model=name, model_version=version, every=every, drawn=drawn, inputs=inputs)
        return await sets.written(settings, codec, wanted, file, taken_for, getpass.getuser())

    return ours.with_book(work)


def again(model: str, file: Path, of: str) -> LabelSet:
    """Writes the rows of a version again. Raises UsageError."""
    name, _, version = model.partition("@")

    async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> LabelSet:
        if codec is None:
            raise UsageError(NOWHERE)
        found = sets.chosen(await sets.known_sets(settings, codec, name), name, of)
        if version not in ("", found.model_version):
            raise UsageError(f"{found.set_id}: is not of {model} alone. Leave the version of the model out.")
        await sets.written_again(settings, codec, found, file)
        return found

    return ours.with_book(work)


def noted(name: str, sha256: str) -> str | None:
    """The version of the labels of a model that a file with this hash is; None for none, or where no Exlify runs."""

    async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> str | None:
        found = await sets.known_sets(settings, codec, name) if codec is not None else []
        return next((each.version for each in found if each.sha256 == sha256), None)

    return ours.with_book(work)


def pin(card: dict[str, Any], version: str | None, sha256: str) -> None:
    """Has a card name the labels that it was made of, where these are a version."""
    if version is not None:
        card["data"] = {**card.get("data", {}), "labels_version": version, "labels_sha256": sha256}


async def _known(
    settings: Settings, codec: Codec | None, book: ModelBook, name: str
) -> tuple[list[LabelSet], dict[str, list[str]]]:
    """The versions of the labels of a model, and which of its versions were made of which, by hash."""
    if codec is None:
        raise UsageError(NOWHERE)
    used: dict[str, list[str]] = {}
    versions = [version for known, version in book.versions() if known == name]
    for version in versions:
        with suppress(UsageError):  # one whose card cannot be read is told by `exlify models`
            sha256 = making.told(making.read_draft(book.folder(name, version)), "labels_sha256")
            used.setdefault(str(sha256), []).append(f"{name}@{version}")
    found = await sets.known_sets(settings, codec, name)
    if not found and not versions:
        ours.place(book, name)  # says that there is no such model
    return found, used


def _shown(found: LabelSet, used: dict[str, list[str]]) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(found)
    for name in ("newest_ms", "at_ms"):
        shown[name.removesuffix("_ms")] = _time(shown.pop(name))
    return {**shown, "used_by": used.get(found.sha256, [])}


def _fields(found: LabelSet, used: dict[str, list[str]]) -> list[tuple[str, Any]]:
    return [
        ("set", found.set_id),
        ("sha256", found.sha256),
        ("taken", f"{moment(_time(found.at_ms))} by {found.by}, for {found.taken_for}"),
        (
            "decisions of",
            f"{found.model}@{found.model_version}" if found.model_version else f"{found.model}, any version",
        ),
        ("drawn only", "yes" if found.drawn else None),
        ("rows", found.rows),
        ("by source", _counts(found.sources)),
        ("by label", _counts(found.labels)),
        ("left out", f"{found.unread}, whose inputs cannot be read" if found.unread else None),
        ("later", f"{found.later}, {'among the rows' if found.every else 'left out'}"),
        ("contradicting", found.contradicting),
        ("newest label", moment(_time(found.newest_ms))),
        ("offsets", f"from {found.begins} to before {found.ends}"),
        ("columns", ", ".join(found.inputs)),
        ("used by", ", ".join(used.get(found.sha256, ())) or None),
    ]


def _counts(of: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in of.items())


def _time(at_ms: int) -> str:
    from schemas.times import rfc3339

    return rfc3339(at_ms)


COMMANDS = (labels, label_sets)
