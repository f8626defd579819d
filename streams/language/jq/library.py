"""The parts of `purejq` that the dialect is built on.

No other module imports its insides, so a change of the library shows up here. They carry no types; `Any` says so.
"""

from __future__ import annotations

from typing import Any

import purejq
import purejq.builtins
import purejq.compiler
import purejq.lexer
import purejq.ops
import purejq.parser
import purejq.prelude

builtins: Any = purejq.builtins
compiler: Any = purejq.compiler
ops: Any = purejq.ops
parser: Any = purejq.parser
prelude: Any = purejq.prelude

JqError: type[Exception] = purejq.JqError  # what `try` of an expression can catch
JqParseError: type[Exception] = purejq.JqParseError

# An error text names types and no value, for values may be personal data. The library writes the value beside its type.
ops.describe = ops.type_name
builtins.describe = ops.type_name
compiler.encode = ops.type_name  # there used in error texts only


class RaisedError(purejq.JqError):
    """What an expression itself raises with `error`; its text is the author's own and is kept whole."""

    value: Any

    def __init__(self, value: Any) -> None:
        super().__init__(value)  # type: ignore[no-untyped-call]  # the library carries no types
