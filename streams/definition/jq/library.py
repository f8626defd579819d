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
