"""The headers of a record as the client of Kafka gives them: names that are no text in UTF-8 are more than it can say.

Where there is one, it gives a broken list, and an error that may show later and elsewhere: whoever reads records was
ended by it, and again by the same record after each start.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller
from typing import Any, Final

UNREADABLE: Final = (("exlify_unreadable", b"headers"),)
"""In the place of all headers of a record that has such a name; to be known by identity."""
WHY: Final = "the name of one of its headers is no text in UTF-8"

_headers = methodcaller("headers")  # which looks at once whether it went well, as a plain call does not always


def headers_of(message: Any) -> Sequence[tuple[str, Any]]:
    """The headers of a message of the client, values as they are; UNREADABLE where they cannot be told."""
    try:
        return _headers(message) or ()
    except (SystemError, UnicodeDecodeError):
        return UNREADABLE
