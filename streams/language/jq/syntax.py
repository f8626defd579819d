"""From the text of an expression to its syntax tree, as jq reads it and never deeper than can be evaluated.

The library's parser takes `?` for the whole term before it, where jq guards the last access only: `.a.b?` fails on a
text in `.a`. Here that is a node of its own, `guarded`. Long chains of `|` and `,` are trees of little depth, since
both are associative; whatever else nests is counted.
"""

from __future__ import annotations

from typing import Any

from streams.language.jq.library import JqParseError, parser
from streams.language.jq.numbers import whole

Node = tuple[Any, ...]

MAX_LEVELS = 40  # of brackets, function calls and bindings in each other
MAX_DEPTH = 120  # of the tree: a chain of operators is as deep as it is long
_ACCESS = frozenset(("field", "index", "slice", "iterate"))


def parse(source: str) -> Node:
    """The syntax tree of a text; raises `JqParseError` or, for some malformed numbers and texts, `ValueError`."""
    tree: Node = _Parser(parser.lex(source)).parse_program()
    if _depth(tree) > MAX_DEPTH:
        raise JqParseError(f"chains or nests more than {MAX_DEPTH} operators; bind parts of it with `as`")
    return tree


class _Parser(parser.Parser):  # type: ignore[misc]  # the library carries no types
    """The library's parser with jq's postfix `?`, and with loops where it recurses once for each operator."""

    no_as: int  # while the source of a `reduce` is read: its `as` belongs to it

    def parse_pipe(self) -> Node:
        self._enter()
        saved, self.no_as = self.no_as, 0
        stages = []
        while not self.at("KW", "def"):
            stages.append(self.parse_comma())
            if not self.accept("OP", "|"):
                break
        else:
            stages.append(self.parse_funcdef())
        self.no_as = saved
        self.depth -= 1
        return _balanced("pipe", stages)

    def parse_comma(self) -> Node:
        parts = [self.parse_alt()]
        while self.accept("OP", ","):
            parts.append(self.parse_alt())
        return _balanced("comma", parts)

    def parse_alt(self) -> Node:
        parts = [self._maybe_as(self.parse_assign())]
        while self.accept("OP", "//"):
            parts.append(self._maybe_as(self.parse_assign()))
        tree: Node = parts.pop()
        while parts:
            tree = ("alt", parts.pop(), tree)
        return tree

    def parse_unary(self, allow_as: bool = True) -> Node:
        signs = 0
        while self.accept("OP", "-"):
            signs += 1
        tree: Node = self.parse_postfix(allow_as=allow_as and not signs)
        for _ in range(signs):
            tree = ("neg", tree)
        return tree

    def parse_postfix(self, allow_as: bool = True) -> Node:
        simple = self.peek()[0] == "FIELD" or self.at("OP", ".")
        tree = self.parse_primary()
        last_is_access = simple and tree[0] in _ACCESS
        while True:
            if self.accept("OP", "?"):
                tree, last_is_access = ("guarded" if last_is_access else "opt", tree), False
                continue
            longer = self._access(tree)
            if longer is None:
                return tree
            tree, last_is_access = longer, True

    def _access(self, base: Node) -> Node | None:
        """The node with one access more; None if there is none."""
        if self.at("FIELD"):
            return ("field", base, self.next()[1])
        if self.at("OP", "."):
            following = self.toks[self.pos + 1]
            if following[0] == "STR":
                self.next()
                return ("index", base, self._str_node(self.next()[1], None))
            if following[:2] == ("OP", "["):
                self.next()
        if self.accept("OP", "["):
            bracket: Node = self._parse_bracket(base)
            return bracket
        return None

    def parse_primary(self) -> Node:
        self._enter()
        tree: Node = self._parse_primary()
        self.depth -= 1
        return ("const", whole(tree[1])) if tree[0] == "const" else tree

    def _str_node(self, parts: list[Any], form: str | None) -> Node:
        found = [part if isinstance(part, str) else self._inner(part[1]) for part in parts]
        if form is None and all(isinstance(part, str) for part in found):
            return ("const", "".join(map(str, found)))
        return ("str", form, found)

    def _inner(self, tokens: list[Any]) -> Node:
        inner = _Parser(tokens)
        inner.depth = self.depth + 1  # takes more of the stack than a bracket
        tree: Node = inner.parse_program()
        return tree

    def parse_object(self) -> Node:
        self._enter()
        tree: Node = super().parse_object()
        self.depth -= 1
        return tree

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > 2 * MAX_LEVELS:  # a bracket enters twice: itself, and the pipe in it
            raise JqParseError(f"nests more than {MAX_LEVELS} levels")


def _balanced(kind: str, parts: list[Node]) -> Node:
    """A tree of an associative operator whose depth is the logarithm of its length."""
    if len(parts) == 1:
        return parts[0]
    middle = (len(parts) + 1) // 2
    return (kind, _balanced(kind, parts[:middle]), _balanced(kind, parts[middle:]))


def _depth(tree: Any) -> int:
    """How many nodes are in each other; without recursion, for this is what bounds all that recurses."""
    deepest = 0
    unseen = [(tree, 1)]
    while unseen:
        part, depth = unseen.pop()
        if isinstance(part, tuple) and part and isinstance(part[0], str):
            deepest = max(deepest, depth)
            depth += 1
        if isinstance(part, tuple | list):
            unseen.extend((inner, depth) for inner in part if isinstance(inner, tuple | list))
    return deepest
