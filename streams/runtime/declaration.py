"""What a processor is, before anything of it is loaded: the one declaration from which all catalogues are computed.

A declaration is light: it imports no client, no model runtime and no database. The code that does the work is named by
its path and loaded by the worker that hosts it, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from schemas.functions import Function
from streams.ground.setting import Group
from streams.ground.settings import Settings
from streams.ground.topic import OWN_DEAD_LETTERS, Topic, changelog, dead_letter_topic, own_step_topic, step_topic


def _nothing_more(settings: Settings) -> tuple[Topic, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One processor: where it runs, what it reads, writes and keeps, and which functions it carries out."""

    name: str  # of its consumer group, its topics and its changelog; never changes
    summary: str
    worker: str  # the process of `exlify up` that hosts it
    make: str  # "module:Class", called with what all processors are made with
    reads: tuple[Topic, ...] = ()  # beside its commands, if it has functions
    writes: tuple[Topic, ...] = ()
    reads_by_setting: Callable[[Settings], tuple[Topic, ...]] = _nothing_more
    follows: tuple[Topic, ...] = ()  # small ones that every process knows whole (`ground/topic_feed.py`)
    table: str | None = None  # its changelog follows
    functions: tuple[Function, ...] = ()
    told: tuple[str, ...] = ()  # messages that come with its commands, beside those and what takes them back
    buries: bool = False  # commands that it cannot carry out go to its dead letters, and not at once to the instance
    settings: tuple[type[Group], ...] = ()
    metrics: tuple[MetricWrapperBase, ...] = ()
    rows: str | None = None  # "module:NAME", the rows of the read model that are made from what it writes
    background: bool = False  # a process that hosts no others yields to all that is not
    alone: bool = False  # a data folder has one of it: it keeps there what cannot be shared
    pins: str | None = None  # "module:Class", a `Pins`, if its commands say what is in force when they are made
    local: str | None = None  # "module:Class" in place of `make` in a run without Kafka, called with the answers, too

    @property
    def commands(self) -> Topic:
        """The topic of its commands."""
        own = any(function.own for function in self.functions)
        topic = own_step_topic(self.name) if own else step_topic(self.name)
        return replace(topic, messages=(*topic.messages, *self.told)) if self.told else topic

    @property
    def dead_letters(self) -> Topic:
        """The topic of those of its commands that it could not carry out."""
        own = any(function.own for function in self.functions)
        return OWN_DEAD_LETTERS if own else dead_letter_topic(self.name)

    def buries_in(self, topic: Topic) -> bool:
        """Whether the topic has its dead letters."""
        return self.buries and topic == self.dead_letters

    @property
    def changelog(self) -> Topic | None:
        """The topic that backs its table."""
        return changelog(self.name, self.table) if self.table is not None else None

    def inputs(self, settings: Settings) -> tuple[Topic, ...]:
        """Every topic that it reads."""
        commands = (self.commands,) if self.functions else ()
        return (*commands, *self.reads, *self.reads_by_setting(settings))

    def topics(self, settings: Settings) -> tuple[Topic, ...]:
        """Every topic that has to exist before it starts."""
        more = (self.dead_letters,) if self.buries else ()
        changelogs = (self.changelog,) if self.changelog else ()
        return (*self.inputs(settings), *self.follows, *self.writes, *more, *changelogs)


def loaded(path: str) -> Any:
    """What stands at "module:name"."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
