"""`exlify models labels`: what turned out about the decisions of a model, as rows for whoever trains or certifies."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli._output import echo, json_option, print_json
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from schemas.codec import Codec
    from streams.ground.settings import Settings
    from streams.processors.decide.states import ModelBook

OF_LABEL = (
    "decision_id", "model_version", "route", "score", "label", "source", "first", "contradicts", "drawn",
    "inclusion_probability",
)  # fmt: skip
TIMES = ("decided_at_ms", "at_ms")


@click.command("labels")
@click.argument("model", metavar="NAME[@VERSION]")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--every", is_flag=True, help="Later and contradicting labels, too; else the first one of each decision.")
@click.option(
    "--drawn", is_flag=True, help="Only decisions that were drawn for an audit: a fair sample, for certifying."
)
@json_option
def labels(model: str, file: Path, every: bool, drawn: bool, as_json: bool) -> None:
    """Write decisions of a model, with what would have been right, to FILE (CSV), in the order in which it turned out.

    A row has the inputs of the model and `label`. `inclusion_probability` is the chance that such a case is looked at:
    what learns from the rows has to weigh by it. The hash that is told names the data set: card and certificate of a
    model that is made of it can name it, too.
    """
    found = written(model, file, every=every, drawn=drawn)
    if as_json:
        print_json(found)
    else:
        unread = f", {found['unread']} left out, whose inputs cannot be read" if found["unread"] else ""
        echo(f"{found['rows']} rows{unread}, sha256 {found['sha256']}")


def written(model: str, file: Path, *, every: bool = False, drawn: bool = False) -> dict[str, Any]:
    """Writes labels to a file, whole or not at all; says how many, and their hash. Raises UsageError."""
    name, _, version = model.partition("@")

    async def work(settings: Settings, codec: Codec | None, book: ModelBook) -> dict[str, Any]:
        if codec is None:
            raise UsageError("Labels are on Kafka, and no Exlify runs here: start it with `exlify up`.")
        inputs = [each.field for each in ours.loaded(book, *ours.place(book, model)).card.inputs]
        if taken := sorted({*inputs} & {*OF_LABEL, "decided_at", "at"}):
            raise UsageError(f"{model}: its input {taken[0]} is called like a column of labels")
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with fresh.open("w", newline="", encoding="utf-8") as stream:
                count, unread = await _written(settings, codec, stream, inputs, lambda label: (
                    label["model"] == name and version in ("", label["model_version"])
                    and (every or label["first"]) and (label["drawn"] or not drawn)
                ))  # fmt: skip
            sha256 = hashlib.sha256(fresh.read_bytes()).hexdigest()
            fresh.replace(file)
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror or error}") from None
        finally:
            fresh.unlink(missing_ok=True)
        return {"file": str(file), "rows": count, "unread": unread, "sha256": sha256}

    return ours.with_book(work)


async def _written(
    settings: Settings, codec: Codec, stream: IO[str], inputs: list[str], wanted: Any
) -> tuple[int, int]:
    """Writes every label of the topic that is wanted, once; says how many, and of how many more nothing can be told."""
    from schemas.messages import LABEL, MODEL_DRIFT
    from streams.ground.topic_feed import TopicFeed
    from streams.processors import monitor

    writer = csv.writer(stream)
    writer.writerow([*inputs, *OF_LABEL, *(name.removesuffix("_ms") for name in TIMES)])
    seen: set[bytes] = set()
    unread = 0

    def take(label: Mapping[str, Any]) -> None:
        key = hashlib.blake2b(f"{label['decision_id']}|{label['label_id']}".encode(), digest_size=16).digest()
        nonlocal unread
        if not wanted(label) or key in seen:  # a copy, as a crash may leave one
            return
        seen.add(key)
        cells = cells_of(label, inputs)
        if cells is None:
            unread += 1
        else:
            writer.writerow(cells)

    feed = TopicFeed(settings, codec, monitor.LABELS, LABEL, take, {MODEL_DRIFT: lambda _: None})
    try:
        await feed.start()
    finally:
        await feed.close()
    return len(seen) - unread, unread


def cells_of(label: Mapping[str, Any], inputs: list[str]) -> list[Any] | None:
    """The row of a Label; None where its inputs are sealed or damaged, and so teach nothing."""
    from schemas.payload import UnreadablePayloadError
    from schemas.times import rfc3339

    try:
        values = label["input"].value()
    except UnreadablePayloadError:
        return None
    told = [label[name] for name in OF_LABEL]
    return [*(values.get(name, "") for name in inputs), *told, *(rfc3339(label[name]) for name in TIMES)]
