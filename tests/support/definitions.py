"""Definitions as this product understands them: the language, with every function that is declared or bundled."""

from __future__ import annotations

from streams import catalogue, language
from streams.cli._steps import BUNDLED as FILES
from streams.definitions.book import DefinitionBook
from streams.language import UNNAMED, Fault
from streams.language.graph import Graph
from streams.language.workflow import WorkflowModel
from streams.steps.loading import load_steps

BUNDLED = load_steps([FILES])
FUNCTIONS = catalogue.functions(BUNDLED)


def load(text: str, file: str = UNNAMED) -> Graph:
    """The graph of a definition; raises `DefinitionError`."""
    return language.load(text, file, FUNCTIONS)


def read(text: str, file: str = UNNAMED) -> WorkflowModel:
    """The model of a definition; raises `DefinitionError`."""
    return language.read(text, file, FUNCTIONS)


def check(text: str, file: str = UNNAMED) -> list[Fault]:
    """Every fault of a definition."""
    return language.check(text, file, FUNCTIONS)


def empty_book() -> DefinitionBook:
    """A book that knows no definition yet."""
    return DefinitionBook(catalogue.FUNCTIONS)
