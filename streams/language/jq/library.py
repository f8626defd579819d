"""The parts of `purejq` that the dialect is built on.

No other module imports its insides, so a change of the library shows up here. They carry no types; `Any` says so.
"""

from __future__ import annotations

from typing import Any

import purejq
import purejq.builtins
import purejq.compiler
import purejq.ops
import purejq.parser
import purejq.prelude

builtins: Any = purejq.builtins
compiler: Any = purejq.compiler
ops: Any = purejq.ops
parser: Any = purejq.parser
prelude: Any = purejq.prelude

JqError: type[Exception] = purejq.JqError  # what `try` and `//` of an expression can catch
JqParseError: type[Exception] = purejq.JqParseError


def _named(value: Any) -> str:
    """What an error text says of a value: nothing but a number or a literal, for texts may be personal data.

    The library writes the whole value out before it cuts it off, which for a large one is a lot of work for nothing.
    """
    return str(value) if value is None or isinstance(value, bool | int | float) else "..."


ops._short = _named
compiler.encode = _named  # there used in error texts only
