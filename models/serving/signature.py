"""Who answers for a certificate: an Ed25519 signature over its file, as the last line of it.

A seal shows that a file is as it was written, and anybody can write one. A signature shows that it was written, or
looked at, by somebody who had the key; not that the data was good, nor that the test was run on it. Where a site names
the public keys that it trusts, only certificates that are signed by one of them open a band.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # only sites that demand signatures load it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_KEYS_BYTES = 2**16
_LINE = re.compile(rb"# signature: ed25519:([0-9a-f]{16}):([A-Za-z0-9+/]{86}==)\n\Z")
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)

Trusted: TypeAlias = "Mapping[str, Ed25519PublicKey]"
"""Public keys by their id."""


def id_of(key: Ed25519PublicKey) -> str:
    """The beginning of the hash of a public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def signed(certificate: bytes, key: Ed25519PrivateKey) -> bytes:
    """The certificate with a signature in place of the one that it may have."""
    plain, _ = parted(certificate)
    return (
        plain + f"# signature: ed25519:{id_of(key.public_key())}:".encode() + base64.b64encode(key.sign(plain)) + b"\n"
    )


def parted(certificate: bytes) -> tuple[bytes, tuple[str, bytes] | None]:
    """A certificate without its signature, and the signature with the id of its key if there is one."""
    found = _LINE.search(certificate)
    if found is None:
        return certificate, None
    return certificate[: found.start()], (found[1].decode(), binascii.a2b_base64(found[2]))


def signature_fault(certificate: bytes, trusted: Trusted) -> str | None:
    """Why a certificate counts for nothing where only these keys are trusted."""
    from cryptography.exceptions import InvalidSignature

    plain, signature = parted(certificate)
    if signature is None:
        return "the certificate is not signed, and this site demands it"
    name, value = signature
    if name not in trusted:
        return f"the certificate is signed by the key {name}, which this site does not trust"
    try:
        trusted[name].verify(value, plain)
    except InvalidSignature:
        return "the signature is not of this certificate"
    return None


def private_key(text: str) -> Ed25519PrivateKey:
    """The key to sign with, from PEM. Raises ValueError, which quotes nothing."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("holds no private Ed25519 key in PEM, without a password.")
    return key


def public_keys(path: Path) -> Trusted:
    """The keys of a file, one PEM after the other. Raises ValueError saying what is wrong with it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEYS_BYTES)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}. Let this process read it.") from None
    try:
        keys = [load_pem_public_key(each) for each in _PEM.findall(data)]
    except (ValueError, UnsupportedAlgorithm):
        keys = []
    found = {id_of(key): key for key in keys if isinstance(key, Ed25519PublicKey)}
    if not found or len(found) < len(keys):
        raise ValueError(f"{path}: has to hold public Ed25519 keys in PEM, at least one and nothing else.")
    return found
