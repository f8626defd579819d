"""The certificate of a model: the proof by which it may act alone, in a file beside the model and its card.

Serving believes nothing of it that it can check: that the file is whole (its seal), that it is of exactly these files
(`covers`, one hash over model and card, and so over codes, ranges and costs), and that the figures prove what is
claimed. Where anything is amiss the band is empty, and everything goes to people.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import msgspec

from models.serving.card import Card, content
from models.serving.certify import certify
from models.serving.errors import RefusedModelError
from models.serving.signature import Trusted, parted, signature_fault

CERTIFICATE_FILE = "certificate.toml"
MAX_CERTIFICATE_BYTES = 2**20
_SEAL = b"\n# seal: "
_P_TOLERANCE = 1e-9


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was tested, and what came of it. Fields that are for people only are not read here."""

    id: str
    model: str
    version: str
    route: str
    covers: str  # `covered` of the files that were tested
    certified: bool
    threshold: float  # scores strictly below take the route
    target: float
    delta: float
    starts: int
    cases: int
    wrong: int
    p_value: float
    upper_bound: float
    coverage: float  # share of the tested cases that take the route
    fairness_passed: bool = True


class CertificateError(Exception):
    """A certificate that opens nothing; the text says why, for the people who get the cases."""


def covered(model: bytes, card: bytes) -> str:
    """One hash over the files of a model: what a certificate is about."""
    return digest(b"exlify model 1", model, card)


def digest(*parts: bytes) -> str:
    """One hash over several files: none can be moved into another, and none left out."""
    hashes = [hashlib.sha256(part).hexdigest() for part in parts]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def sealed(text: str) -> bytes:
    """The bytes of a certificate's file: its text, and a seal over it."""
    body = text.rstrip("\n").encode()
    return body + _SEAL + f"sha256:{hashlib.sha256(body).hexdigest()}\n".encode()


def read_certificate(
    folder: Path, card: Card, covers: str, trusted: Trusted | None = None
) -> tuple[Certificate, bytes]:
    """The certificate of a model whose files have the hash `covers`, and its bytes. Raises CertificateError.

    With `trusted` it has to be signed by one of these keys.
    """
    path = folder / CERTIFICATE_FILE
    if not path.exists():
        raise CertificateError("there is no certificate")
    try:
        data = content(path, MAX_CERTIFICATE_BYTES)
    except RefusedModelError as error:
        raise CertificateError(str(error)) from None
    if not data.strip():
        raise CertificateError("the certificate is empty")
    plain, _ = parted(data)
    body, seal, _ = plain.rpartition(_SEAL)
    if not seal or plain != sealed(body.decode(errors="replace")):
        raise CertificateError("the certificate has no seal, or was changed after it was sealed")
    if trusted is not None and (fault := signature_fault(data, trusted)):
        raise CertificateError(fault)
    try:
        found = msgspec.toml.decode(data, type=Certificate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise CertificateError("the certificate cannot be read") from None
    if fault := _fault(found, card, covers):
        raise CertificateError(fault)
    return found, data


def band_end(card: Card, certificate: Certificate) -> float:
    """Below which doubt a model may act alone: what is certified, or what costs say if that is less."""
    return min(card.routing.approve_below, certificate.threshold)


def _fault(found: Certificate, card: Card, covers: str) -> str | None:
    """What keeps a certificate from opening the band."""
    if (found.model, found.version) != (card.name, card.version):
        return f"the certificate is of {found.model}@{found.version}"
    if found.covers != covers:
        return "model or card have changed since they were certified"
    if not found.certified:
        return "the test was not passed"
    if not found.fairness_passed:
        return "the fairness gate was not passed"
    if not (0 <= found.threshold <= 1 and math.isfinite(found.p_value)):
        return "the certified threshold is no number from 0 to 1"
    if not found.target < card.routing.break_even:
        return "its target is not below the break-even of the costs"
    try:
        again = certify(found.cases, found.wrong, found.target, found.delta, found.starts)
    except ValueError as error:
        return f"the certificate proves nothing: {error}"
    if not again.certified or abs(again.p_value - found.p_value) > _P_TOLERANCE:
        return "the figures of the certificate do not prove what it claims"
    return None


def certificate_fields(certificate: Certificate, **more: Any) -> dict[str, Any]:
    """The fields as they are written, with others that are for people."""
    return {**msgspec.to_builtins(certificate), **more}
