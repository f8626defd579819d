"""The certificates of a connection as a context of TLS."""

from __future__ import annotations

import ssl
import tempfile
from functools import lru_cache

from connectors.hub.identity import Tls


@lru_cache(maxsize=256)
def context(tls: Tls) -> ssl.SSLContext:
    """What a connection with these certificates is made with. Raises ValueError where they are none."""
    try:
        made = ssl.create_default_context(cadata=tls.authority or None)
        if tls.certificate:
            _load(made, tls)
    except (ssl.SSLError, OSError):
        raise ValueError from None  # what OpenSSL says may quote from the file
    return made


def _load(made: ssl.SSLContext, tls: Tls) -> None:
    # The library takes a file only; this one is for us alone, and gone at once. A key under a passphrase is not asked
    # for at a terminal.
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{tls.certificate}\n{tls.key}\n")
        file.flush()
        made.load_cert_chain(file.name, password="")
