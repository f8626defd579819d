"""jq for definitions: the library `purejq` behind a small, safe and bounded dialect.

`compile_program` is the only door. The dialect is what PROFILE.md says: no access to the host, no recursion of one's
own functions, regular expressions of RE2, whole numbers up to 64 bits, and limits that are counted (`meter`), so that
a replay meets them too.
"""

from __future__ import annotations

from streams.language.jq.program import Program, ProgramError, compile_program
from streams.language.jq.regex import PatternError, pattern

__all__ = ["PatternError", "Program", "ProgramError", "compile_program", "pattern"]
