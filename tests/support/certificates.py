"""Certificates for peers on loopback, made when they are needed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass
class Issued:
    """A certificate and its key, in PEM."""

    certificate: str
    key: str


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    """Whoever trusts it trusts what it has issued."""

    _key: ec.EllipticCurvePrivateKey = field(default_factory=_key)

    def __post_init__(self) -> None:
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self.pem = self._signed("authority", self._key.public_key(), constraints).decode()

    def issue(self, name: str) -> Issued:
        """For a host, by its address, or a client, by any name."""
        key = _key()
        made = self._signed(name, key.public_key(), x509.BasicConstraints(ca=False, path_length=None)).decode()
        return Issued(made, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())

    def _signed(self, name: str, key: ec.EllipticCurvePublicKey, constraints: x509.BasicConstraints) -> bytes:
        now = datetime.now(UTC)
        draft = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(constraints, critical=True)
        )
        if name[0].isdigit():
            address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
            draft = draft.add_extension(address, critical=False)
        return draft.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
