"""Nodes of YAML, within limits that hold while the text is read.

The reader of the library has no bound of its own: it nests as deep as the text, and a list that is never closed is read
to its end before anybody can say so. Here it stops at the value that is one too many.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.nodes import Node

MAX_VALUES = 50_000
MAX_LEVELS = 60


class YamlLimitError(Exception):
    """The text has too many values or levels; `line` and `column`, from 0, are those of the first that is too much."""

    def __init__(self, limit: str, mark: Any) -> None:
        super().__init__(f"the file has more than {limit}")
        self.line: int = mark.line
        self.column: int = mark.column


class _BoundedComposer(Composer):
    """Counts what it composes. An anchor may be used twice, as YAML has it, and the later one counts."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.warn_double_anchors = False
        self._composed = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._composed += parent is None or index is not None  # a key is a node as well, and no value
        if self._composed > MAX_VALUES:
            raise YamlLimitError(f"{MAX_VALUES:,} values", self.parser.peek_event().start_mark)
        if self.depth > MAX_LEVELS:  # the root is none
            raise YamlLimitError(f"{MAX_LEVELS} levels", self.parser.peek_event().start_mark)
        return super().compose_node(parent, index)


def compose(text: str) -> Node | None:
    """The root node of the single document; raises what the library raises, and `YamlLimitError`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _BoundedComposer
    root: Node | None = yaml.compose(text)
    return root
