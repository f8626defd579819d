"""Characters and bytes: which charsets are known, and how the one of a body is found.

Only charsets that stand for plain text are known. Python has more codecs, of which some take quadratic time (`idna`),
and some give text that cannot be written again (`utf-7`, `unicode_escape`).
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from connectors.codecs.scalars import CodecError

UTF8 = "utf-8"
_FAMILIES = re.compile(
    r"utf[-_]?8([-_]?sig)?|utf[-_]?(16|32)([-_]?[bl]e)?|(us[-_]?)?ascii|ansi_x3\.4-19\d\d"
    r"|(iso[-_]?)?8859[-_]\d{1,2}|iso[-_]?8859\d?|latin[-_]?\d{1,2}|l\d|(windows|cp|ibm)[-_]?\d{3,4}|mac[-_]?roman|macintosh"
    r"|koi8[-_]?[rut]|gb[-_]?2312|gbk|gb[-_]?18030|big5([-_]?hkscs)?|euc[-_]?(jp|kr)|shift[-_]?jis|s[-_]?jis"
    r"|iso[-_]?2022[-_]?(jp|kr)|tis[-_]?620",
    re.IGNORECASE,
)
_MARKS = (  # longest first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@lru_cache(maxsize=256)
def known(charset: str) -> str:
    """The charset as Python calls it; raises CodecError for one that is not known."""
    try:
        if _FAMILIES.fullmatch(charset):
            return codecs.lookup(charset).name
    except LookupError:
        pass
    raise CodecError("its charset is not one that is known")


def decode(body: bytes, charset: str | None) -> str:
    """The text of a body; a byte order mark goes before the charset that is named, and is no part of the text.

    UTF-8 unless named. Raises CodecError.
    """
    name = marked(body) or known(charset or UTF8)
    try:
        return body.decode(name)
    except UnicodeError:
        what = "and no other charset is named" if charset is None else "although it is named as its charset"
        raise CodecError(f"it is not {name}, {what}") from None


def encode(text: str, charset: str | None) -> bytes:
    """The text as bytes, UTF-8 unless named. Raises CodecError."""
    name = known(charset or UTF8)
    try:
        return text.encode(name)
    except UnicodeError:
        raise CodecError(f"it has characters that {name} does not have") from None


def marked(body: bytes) -> str | None:
    """The charset that a byte order mark stands for, if the body begins with one."""
    if body[:1] not in b"\xef\xfe\xff\x00":
        return None
    return next((charset for mark, charset in _MARKS if body.startswith(mark)), None)
