"""Options that take a time: the same words at every command, and one line about what is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner

from streams.cli import group
from streams.cli._moments import PAST, TO_COME
from streams.ground.errors import UsageError

TIMES = ("--since", "--until", "--undo-until")
AS_OTHERS_SAY = {("replay", "--until")}  # past, or to come with --live


def options(of: click.Command, *names: str) -> Iterator[tuple[str, click.Option]]:
    """The options of a command and of all below it, by the words that lead there."""
    context = click.Context(of)
    if isinstance(of, click.Group):
        for name in of.list_commands(context):
            below = of.get_command(context, name)
            assert below is not None
            yield from options(below, *names, name)
    yield from ((" ".join(names), each) for each in of.params if isinstance(each, click.Option))


def test_every_command_reads_times_alike() -> None:
    found = [(command, each) for command, each in options(group) if each.opts[0] in TIMES]
    assert len(found) > 20
    of_their_own = {(command, each.opts[0]) for command, each in found if each.type not in (PAST, TO_COME)}
    assert of_their_own == AS_OTHERS_SAY


@pytest.mark.parametrize("text", ["7d", "12h", "30m", "90s"])
def test_time_is_so_long_ago_or_from_now(text: str) -> None:
    length = {"7d": timedelta(days=7), "12h": timedelta(hours=12), "30m": timedelta(minutes=30)}
    now, wanted = datetime.now(UTC), length.get(text, timedelta(seconds=90))
    ago, to_come = (datetime.fromisoformat(each.of("--since", text)) for each in (PAST, TO_COME))
    assert abs(now - ago - wanted) < timedelta(minutes=10) and abs(to_come - now - wanted) < timedelta(minutes=10)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00"])
def test_time_is_a_moment(text: str) -> None:
    assert datetime.fromisoformat(PAST.of("--since", text)) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "7", "7w", "999999d", "2026-13-01", "0001-01-01T00:00:00+14:00"])
@pytest.mark.parametrize("command", ["list", "letters list", "deliveries list", "report", "decisions list"])
def test_what_is_no_time_is_told_by_the_name_of_its_option(command: str, text: str) -> None:
    told = CliRunner().invoke(group, [*command.split(), "--since", text])
    assert isinstance(told.exception, UsageError)
    assert str(told.exception) == f"--since {text}: no time. Write 30m, 2h, 7d, or 2026-01-31T12:00:00Z."
