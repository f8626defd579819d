"""Signatures of certificates: what is demanded holds, and what is not demanded changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from models.serving.held import Why
from models.serving.predict import Model
from models.serving.registry import FOLDER, Registry
from models.serving.shelf import Shelf
from models.serving.signature import Trusted, id_of, private_key, public_keys, signed

OURS, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
TRUSTED: Trusted = {id_of(OURS.public_key()): OURS.public_key()}


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def closed(folder: Path, trusted: Trusted | None) -> str:
    held = Model.load(folder, trusted).band.closed
    assert held is None or held.why is Why.NO_CERTIFICATE
    return held.text if held else ""


def test_signed_certificate_opens_its_band_where_that_is_demanded(altered: Callable[..., Path]) -> None:
    folder = altered(certificate=lambda text: signed(signed(text, OTHER), OURS))
    assert closed(folder, TRUSTED) == closed(folder, None) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text, "is not signed, and this site demands it"),
        (lambda text: signed(text, OTHER), f"signed by the key {id_of(OTHER.public_key())}, which this site does not"),
        (lambda text: signed(text, OURS)[:-20], "has no seal, or was changed"),
        (
            lambda text: signed(text, OURS).replace(b'model = "credit', b'model = "Credit'),
            "has no seal, or was changed",
        ),
        (lambda text: text + signed(b"other", OURS)[len(b"other") :], "the signature is not of this certificate"),
        (lambda text: signed(text, OURS) + b"\n", "has no seal, or was changed"),
    ],
    ids=["unsigned", "by another", "cut", "changed", "sealed for another", "longer"],
)
def test_what_is_not_signed_by_a_trusted_key_goes_to_people(
    altered: Callable[..., Path], change: Callable[[bytes], bytes], said: str
) -> None:
    assert said in closed(altered(certificate=change), TRUSTED)


def test_signature_is_no_certificate_of_another_model(tmp_path: Path) -> None:
    folder = tmp_path / "credit-risk" / "2"
    shutil.copytree(FOLDER / "credit-risk" / "2", folder)
    other = FOLDER / "credit-approval" / "1" / "certificate.toml"
    (folder / "certificate.toml").write_bytes(signed(other.read_bytes(), OURS))
    assert "the certificate is of credit-approval@1" in closed(folder, TRUSTED)


def test_registry_asks_for_what_its_shelf_trusts() -> None:
    assert Registry().get("credit-risk").band.closed is None
    asked = Registry(shelf=Shelf(trusted=TRUSTED)).get("credit-risk")
    assert asked.decide(asked.card.reference.values).route == "review"


def test_keys_are_read_from_pem(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(b"two of us\n" + public_pem(OURS) + public_pem(OTHER))
    assert {*public_keys(file)} == {id_of(each.public_key()) for each in (OURS, OTHER)}
    pem = OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert id_of(private_key(pem).public_key()) in TRUSTED


def test_other_keys_are_refused_without_being_quoted(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for text in ("", "secret", pem):
        with pytest.raises(ValueError, match=r"^holds no private Ed25519 key in PEM, without a password\.$"):
            private_key(text)
    file = tmp_path / "keys.pem"
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for content in (b"", public, public_pem(OURS) + public, public_pem(OURS).replace(b"MCo", b"MCp")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="has to hold public Ed25519 keys in PEM"):
            public_keys(file)
