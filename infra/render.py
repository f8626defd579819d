"""`python -m infra.render`: writes reference pages and sections of pages from the code, where each fact has its home.

`--check` writes nothing and fails where a page differs from what the code says now.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

import streams.language
from infra import language
from infra.dashboards import boards
from schemas.catalogue import current
from schemas.reasons import described
from streams import catalogue
from streams.definitions import outcome_topic
from streams.ground.setting import Group, shown_default, specs
from streams.ground.settings import Settings
from streams.ground.topic import DAY_MS, Topic
from streams.readmodel.projection import DOCUMENT, MESSAGE, Projection, projections

FOLDER = Path(__file__).with_name("reference")
BOARDS = Path(__file__).with_name("grafana") / "dashboards"
PROFILE = Path(streams.language.__file__).with_name("PROFILE.md")
NOTE = "<!-- Rendered by `make render`; change the table in the code instead. -->"
SETTINGS_PROSE = """\
Environment variables. All are checked at the start: each that does not fit is told on a line of its own, exit code 78.
A variable that is set to nothing counts as not set. A misspelt one refuses the start; one that resembles none of these
is told and passed over. Those that Kubernetes sets for services are passed over in silence.

A secret can stand in a file instead: `<VARIABLE>_FILE` names it. Addresses, webhooks and what definitions name as
secrets have files of their own in the site folder (`EXLIFY_SITE_DIR`), `connections.yaml`, `hooks.yaml` and
`secrets.yaml`, with `${env:NAME}` or `${file:PATH}` in place of a secret. The environment counts over these files. They
are followed: a change applies within 5 s, a faulty file leaves the old one in force.
"""

TABLES_PROSE = """\
SQLite (`view.sqlite` in the data folder) or PostgreSQL (`EXLIFY_VIEW_URL`). These tables and columns are an interface:
a version adds to them and takes nothing away before a major one. Read them with any tool; only the view writes. Times
are Unix time in milliseconds. JSON is text in SQLite and `json` in PostgreSQL; `column ->> 'member'` works in both, and
of `instances.error`, which is text in both, too, with `error::json` in PostgreSQL.

Rows stay when Kafka forgets what they were made of: tasks for as long as the database is kept, whether open or not.
Queries to begin with are in [the README of streams](../../streams/README.md#i-want-to-ask-with-sql).
"""


def settings_page() -> str:
    """Every setting, from the groups that their owners declare."""
    sections = [_settings_section(group) for group in catalogue.GROUPS]
    return "\n".join(["# Settings", "", NOTE, "", SETTINGS_PROSE, *sections])


def _settings_section(group: type[Group]) -> str:
    rows = [
        (f"`{spec.variable}`", _default(spec.default), spec.kind.allowed, spec.prose) for spec in specs(group).values()
    ]
    source = f"From `{group.__module__.replace('.', '/')}`."
    heading = (group.__doc__ or "").splitlines()[0].rstrip(".")
    return "\n".join([f"## {heading}", "", source, "", *_table(("Variable", "Default", "Value", "Meaning"), rows), ""])


def topics_page() -> str:
    """Every topic with who writes and reads it, its key and how long it keeps what, from their owners' declarations."""
    known = Settings()
    rows = [
        (
            f"`{each.name}`",
            ", ".join(each.messages) or "-",
            ", ".join(catalogue.writers(each)) or "-",
            ", ".join(one.name for one in catalogue.PROCESSORS.values() if each in one.inputs(known)) or "-",
            each.key or each.keyed.value,
            "1" if each.one_partition else "all",
            _keeps(each),
        )
        for each in (*catalogue.topics(known), outcome_topic("<workflow>"))
    ]
    head = ("Topic", "Messages", "Written by", "Read by", "Key", "Partitions", "Keeps")
    return _page("Topics", "streams/processors, streams/definitions, streams/runtime/parking.py", head, rows)


def metrics_page() -> str:
    """Every metric with its labels and meaning, from their owners' declarations."""
    rows = [
        (f"`{_sampled_name(metric)}`", str(metric._type), ", ".join(metric._labelnames) or "-", metric._documentation)
        for metric in catalogue.METRICS
    ]
    return _page(
        "Metrics",
        "streams/processors, streams/runtime/metrics.py, streams/gateway/metrics.py, streams/files/metrics.py, "
        "streams/messages/metrics.py, streams/rows/metrics.py, streams/ground/site_metrics.py, streams/definitions",
        ("Metric", "Kind", "Labels", "Meaning"),
        rows,
    )


def errors_page() -> str:
    """Every reason for which a step can fail, from the one table; `exlify errors` shows it, too."""
    rows = [
        (
            f"`{row['reason']}`",
            str(row["title"]),
            str(row["type"]).rpartition("/")[2],
            str(row["status"]),
            f"`{row['again']}`: {row['advice']}",
            str(row["fault"]),
            str(row["concerns"]),
            "yes" if row["trips"] else "-",
        )
        for row in described()
    ]
    head = ("Reason", "What it says", "Type", "Status", "Again", "Lies with", "Concerns", "Opens the breaker")
    return _page("Errors", "schemas/reasons.py", head, rows)


def processors_page() -> str:
    """Every processor with its worker, what it reads, writes and keeps, from its declaration."""
    known = Settings()
    topics = (*catalogue.topics(known), outcome_topic("<workflow>"))
    rows = [
        (
            f"`{each.name}`",
            each.summary,
            each.worker,
            _names(each.inputs(known)),
            _names(topic for topic in topics if each.name in catalogue.writers(topic)),
            each.table or "-",
            ", ".join(f"`{function.name}`" for function in each.functions) or "-",
        )
        for each in catalogue.PROCESSORS.values()
    ]
    head = ("Processor", "Does", "Worker", "Reads", "Writes", "Table", "Functions")
    return _page("Processors", "streams/processors", head, rows)


def tables_page() -> str:
    """Every table of the read model, from the rows that processors declare."""
    found = projections(catalogue.PROCESSORS.values())
    sections = [
        line
        for each in sorted(found, key=lambda each: each.table.name)
        for line in (
            f"## {each.table.name}",
            "",
            f"Rows of `{each.message}`, one for each {', '.join(each.key)}.",
            "",
            *_table(("Column", "Type", "Meaning"), _columns(each)),
            "",
        )
    ]
    return "\n".join(["# Tables of the read model", "", NOTE, "", TABLES_PROSE, *sections])


def _columns(projection: Projection) -> Iterable[Sequence[str]]:
    docs = {field["name"]: field.get("doc", "") for field in current()[projection.message]["fields"]}
    for column in projection.table.columns:
        kind = "JSON" if column.type is DOCUMENT else str(column.type)
        own = "The record as it stood on the topic, framed Avro." if column.name == MESSAGE else ""
        yield f"`{column.name}`", kind, column.doc or docs.get(column.name, "") or own


def profile_page() -> str:
    """PROFILE.md with the tables of tasks and functions as the code has them now; the rest is written by hand."""
    text = PROFILE.read_text()
    for name, (head, rows) in {"tasks": language.tasks_table(), "functions": language.functions_table()}.items():
        begin, end = f"<!-- {name}: rendered by `make render` -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{PROFILE} has lost the marks of its section {name}: {begin.strip()} and {end}")
        text = "\n".join([before + begin, *_table(head, rows), "", end + after])
    return text


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "processors.md": processors_page,
    "topics.md": topics_page,
    "metrics.md": metrics_page,
    "tables.md": tables_page,
    "errors.md": errors_page,
    "definition.schema.json": language.definition_schema,
}


def stale(folder: Path = FOLDER) -> list[Path]:
    """The pages and dashboards that differ from what the code says now."""
    outdated = [folder / name for name, render in PAGES.items() if _read(folder / name) != render()]
    outdated += [BOARDS / name for name, board in boards().items() if _read(BOARDS / name) != board]
    return outdated if PROFILE.read_text() == profile_page() else [*outdated, PROFILE]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pages, or with `--check` compares them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.render", description="Write the reference pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    if parser.parse_args(arguments).check:
        for path in (outdated := stale()):
            print(f"{path}: out of date. Run `make render`.", file=sys.stderr)
        return 1 if outdated else 0
    FOLDER.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render())
    for name, board in boards().items():
        (BOARDS / name).write_text(board)
    PROFILE.write_text(profile_page())
    return 0


def _page(title: str, source: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([f"# {title}", "", NOTE, "", f"From `{source}`.", "", *_table(head, rows), ""])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    table = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]


def _sampled_name(metric: MetricWrapperBase) -> str:
    """The name as Prometheus sees it: the client adds the suffix of counters itself."""
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def _default(value: object) -> str:
    shown = shown_default(value)
    return f"`{shown}`" if shown else "-"


def _names(topics: Iterable[Topic]) -> str:
    return ", ".join(f"`{topic.name}`" for topic in topics) or "-"


def _keeps(topic: Topic) -> str:
    return "the last value of each key" if topic.compacted else f"{topic.retention_ms // DAY_MS} days"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
