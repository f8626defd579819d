"""Commands as pages write them, held against the command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import click

from streams.cli import group


def written(text: str) -> Iterator[list[str]]:
    """The words of each command of ours that a page has, on a line of its own or between backticks."""
    for line, quoted in re.findall(r"^ *(exlify .*)|`(exlify [^`]*)`", text.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split((line or quoted).replace("\n", " "), comments=True)
        yield [*takewhile(lambda word: word not in ("|", ">", "&"), words)][1:]


def offered(words: list[str]) -> None:
    """Fails where the command line has no such command, or the command no such option."""
    command: click.Command = group
    rest = words
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(click.Context(command), rest)
        assert found is not None, words
        command = found
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known, words
