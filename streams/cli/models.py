"""`exlify models`: the models at hand, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from streams.cli import _models as ours
from streams.cli import _models_labels as labelling
from streams.cli import _models_learn as learning
from streams.cli import _models_making as making
from streams.cli import _models_retrain as retraining
from streams.cli import _models_states as states
from streams.cli import _models_train as training
from streams.cli._output import echo, json_option, print_fields, print_json, print_table, print_text
from streams.ground.errors import UsageError

if TYPE_CHECKING:
    from models.serving.predict import Model
    from models.serving.registry import Registry
    from streams.processors.decide.states import ModelBook

EXIT_FAULTY = 1


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  exlify models
  exlify models init risk --rows training.csv --label paid
  exlify models train risk --data training.csv --label paid --bad no
  exlify models add risk.onnx --rows training.csv --without paid
  exlify models certify risk --data labelled.csv --label paid --bad no
  exlify models page risk@1 > risk.html
  exlify models activate risk@1
  exlify models suspend risk --why "complaints"
""",
)
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, check and certify models, and say which of them decide."""
    if context.invoked_subcommand is None:
        context.invoke(list_models, as_json=as_json)


OTHERS = (*labelling.COMMANDS, learning.learn, retraining.retrain)
for each in (*making.COMMANDS, *training.COMMANDS, *states.COMMANDS, *OTHERS):
    command.add_command(each)


@command.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List every version of every model: whether it decides, may act alone, and what is wrong with it.

    Exit code 1 if one that decides cannot be used: what needs it waits until the right files are there.
    """
    from models.serving.registry import Registry

    book = ours.known()
    registry = Registry(shelf=book)
    faults = registry.load_all()
    found = [_brief(registry, book, name, version) for name, version in book.versions()]
    if as_json:
        print_json({"models": found, "faults": [fault._asdict() for fault in faults]})
    else:
        head = ("MODEL", "VERSION", "STATE", "ALONE")
        print_table(head, ((each["name"], each["version"], each["state"], each["alone"]) for each in found))
        for fault in faults:
            echo(f"! {fault.model}: {fault.file}: {fault.reason}", err=True)
    if faults:
        raise SystemExit(EXIT_FAULTY)


@command.command("show")
@click.argument("model", metavar="NAME[@VERSION]")
@json_option
def show(model: str, as_json: bool) -> None:
    """Show one version with its inputs, its routes and its certificate; the one that decides unless said."""
    book = ours.known()
    name, version = ours.place(book, model)
    found = _described(ours.loaded(book, name, version), book)
    if as_json:
        print_json(found)
        return
    inputs = found.pop("inputs")
    print_fields((field, _text(value)) for field, value in found.items())
    echo()
    print_table(("INPUT", "KIND", "MISSING", "UNKNOWN", "LABEL"), (tuple(each.values()) for each in inputs))


@command.command("page")
@click.argument("model", metavar="NAME[@VERSION]")
def page(model: str) -> None:
    """Write card and certificate as a page of HTML to standard output, with plots; the one that decides unless said."""
    from models.making.page import model_page
    from models.serving.errors import RefusedModelError

    book = ours.known()
    try:
        print_text(model_page(book.folder(*ours.place(book, model)), book.trusted))
    except RefusedModelError as error:
        raise UsageError(str(error)) from None


@command.command("history")
@click.argument("name")
@json_option
def history(name: str, as_json: bool) -> None:
    """Show what became of a model: which version decided from when on, by whom, and why."""
    import msgspec

    from schemas.times import rfc3339

    changes = ours.known().history(name)
    found = [{"from": rfc3339(each.from_ms), **msgspec.to_builtins(each)} for each in changes]
    if as_json:
        print_json(found)
    elif not found:
        echo(f"Nothing was changed of {name}; what decides is as its folder says.")
    else:
        rows = [
            (
                each["from"] if each["from_ms"] else "-",
                each["version"],
                each["state"],
                f"{each['rival']}, {each['share']} %" if each["rival"] else "-",
                f"{each['audit']} %" if each["audit"] else "-",
                each["by"],
                each["why"],
            )
            for each in found
        ]
        print_table(("FROM", "VERSION", "STATE", "BESIDE IT", "AUDITED", "BY", "WHY"), rows)


@command.command("watch")
@click.argument("name", required=False)
@json_option
def watch(name: str | None, as_json: bool) -> None:
    """Show how models do by their audits: how many decisions were looked at, how many were wrong, and how many may be.

    Once the evidence reaches the alarm the model is suspended.
    """
    from streams.cli._client import connect

    found = connect().get("/v1/model-watches", model=name)
    if as_json:
        print_json(found)
        return
    print_table(
        ("MODEL", "ROUTE", "AUDITS", "WRONG", "ERROR", "TARGET", "EVIDENCE", "ALARM"),
        (
            (
                f"{each['model']}@{each['model_version']}",
                each["route"],
                each["audits"],
                each["wrong"],
                f"{each['wrong'] / each['audits']:.1%}" if each["audits"] else "-",
                f"{each['target']:.1%}",
                f"{each['evidence']:.3g} of {each['alarm_at']:g}",
                each["alarmed"] or "-",
            )
            for each in found["watches"]
        ),
    )


def _brief(registry: Registry, book: ModelBook, name: str, version: str) -> dict[str, Any]:
    from models.serving.errors import RefusedModelError

    pin = book.active.get(name)
    state: str = pin.state if pin is not None and pin.version == version else "-"
    if pin is not None and pin.rival is not None and pin.rival.version == version:
        state = f"canary {pin.rival.share} %" if pin.rival.share else "shadow"
    try:
        model = registry.get(name, version)
    except RefusedModelError as error:
        return {"name": name, "version": version, "state": state, "alone": "cannot be used", "reason": str(error)}
    held = model.band.closed or (model.changed(pin.sha256) if pin is not None and pin.version == version else None)
    reason = "it is suspended" if state == "suspended" else held.text.partition(": ")[2] if held else None
    alone = f"no: {reason}" if reason else f"below {model.band.approve_below:g}"
    return {"name": name, "version": version, "state": state, "alone": alone, "reason": reason}


def _described(model: Model, book: ModelBook) -> dict[str, Any]:
    import msgspec

    card, band = model.card, model.band
    pin = book.active.get(card.name)
    return {
        "model": f"{card.name}@{card.version}",
        "state": pin.state if pin is not None and pin.version == card.version else "-",
        "task": model.head.kind,
        "routes": [*model.head.routes, "review"],
        "alone": band.closed.text if band.closed else f"where the doubt is below {band.approve_below:g}",
        "certificate": msgspec.to_builtins(band.certificate) if band.certificate else None,
        "hash": band.files_sha256,
        "inputs": [
            {
                "field": each.field,
                "kind": type(each).__name__.lower(),
                "missing": each.missing,
                "unknown": each.unknown,
                "label": each.label,
            }
            for each in card.inputs
        ],
    }


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return f"{value['wrong']} wrong of {value['cases']}, at most {value['upper_bound']:.1%} at the target {value['target']:.1%}, coverage {value['coverage']:.1%}"  # noqa: E501
    return ", ".join(value) if isinstance(value, list) else str(value)


@command.command("compare")
@click.argument("one", metavar="NAME@VERSION")
@click.argument("other", metavar="NAME@VERSION")
@click.option("--rows", "file", required=True, type=ours.FILE, help="CSV file of cases.")
@json_option
def compare(one: str, other: str, file: Any, as_json: bool) -> None:
    """Compare two versions on the same cases: how often they choose the same route, and where they do not."""
    book = ours.known()
    rows = ours.rows(file)
    models = [ours.loaded(book, *ours.place(book, each)) for each in (one, other)]
    from models.serving.errors import FeatureError

    counts: dict[tuple[str, str], int] = {}
    for number, case in enumerate(rows.cases, start=1):
        try:
            routes = models[0].decide(case).route, models[1].decide(case).route
        except FeatureError as error:
            raise UsageError(f"{file}: row {number}: {error}") from None
        counts[routes] = counts.get(routes, 0) + 1
    same = sum(count for (a, b), count in counts.items() if a == b)
    found = {
        "rows": len(rows.cases),
        "same_route": same,
        "routes": [{one: a, other: b, "rows": count} for (a, b), count in sorted(counts.items())],
    }
    if as_json:
        print_json(found)
    else:
        echo(f"{same} of {len(rows.cases)} cases take the same route.")
        print_table((one, other, "ROWS"), ((a, b, count) for (a, b), count in sorted(counts.items())))
