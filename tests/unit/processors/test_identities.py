"""`authentication`, `tls` and `ssh` in `connections.yaml`: read, refused with the place, bound to their address."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from connectors.hub.identity import NOBODY, ApiKey, Bearer, ClientSecret, Digest, Grant, OAuth2, Webhook
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import FILE, Addresses, ConnectionSettings
from tests.support import certificates

ENVIRON = {"S": "s3cret", "TWO": "a\nb", "HOOK": "whsec_MDEyMzQ1Njc4OWFiY2RlZg== MDEyMzQ1Njc4OWFiY2RlZw=="}

SECRETS = (b"0123456789abcdef", b"0123456789abcdeg")


def addresses(folder: Path, authentication: str, url: str = "https://erp.example.com", more: str = "") -> Addresses:
    (folder / FILE).write_text(f"erp:\n  url: {url}\n  authentication: {authentication}\n{more}")
    return Addresses(Settings(), Site(folder, ENVIRON))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{bearer: {token: '${env:S}'}}", Bearer("s3cret")),
        ("{digest: {username: ada, password: '${env:S}'}}", Digest("ada", "s3cret")),
        ("{key: {header: X-Api-Key, value: '${env:S}'}}", ApiKey("X-Api-Key", "s3cret")),
        ("{webhook: {secret: '${env:HOOK}'}}", Webhook(SECRETS)),
        ("{webhook: {secret: '${env:HOOK}', private: true}}", Webhook(SECRETS, private=True)),
        ("{key: {query: api_key, value: '${env:S}'}}", ApiKey("api_key", "s3cret", in_query=True)),
        (
            "{oauth2: {authority: 'https://login.example.com/', client: {id: x, secret: '${env:S}'}, scopes: [a, b]}}",
            OAuth2(
                token_url="https://login.example.com/oauth2/token", client="x", secret="s3cret", scopes=("a", "b"),
                proof=ClientSecret.POST,
            ),
        ),
        (
            "{oauth2: {authority: https://l, endpoints: {token: /}, grant: refresh_token, refresh_token: '${env:S}'}}",
            OAuth2(
                token_url="https://l/", grant=Grant.REFRESH_TOKEN, refresh_token="s3cret", proof=ClientSecret.NONE
            ),
        ),
    ],
)  # fmt: skip
def test_ways_of_authentication_are_read_and_not_shown(tmp_path: Path, written: str, read: object) -> None:
    known = addresses(tmp_path, written)
    assert known.identity("erp").credentials == read
    (shown,) = known.described()
    assert (shown.credentials, len(shown.ways)) == (True, 1)
    assert not any(each in repr(shown) + repr(known.identity("erp")) for each in ("s3cret", "01234"))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{bearer: {token: s3cret}}", "3:36: a secret in the file"),
        ("{bearer: {token: '${env:TWO}'}}", "more than a line"),
        ("{bearer: {}}", "no token"),
        ("{}", "0 ways of authentication"),
        ("{webhook: {secret: '${env:S}'}}", "it stands for no secret"),
        ("{webhook: {secret: '${env:HOOK}', private: maybe}}", "neither true nor false"),
        ("{webhook: {secret: whsec_MDEyMzQ1Njc4OWFiY2RlZg==}}", "a secret in the file"),
        ("{magic: {}}", "magic"),
        ("{basic: {username: 'a:b', password: '${env:S}'}}", "a colon in a user"),
        ("{key: {value: '${env:S}'}}", "no key"),
        ("{key: {header: 'a b', value: '${env:S}'}}", "no name of a header"),
        ("{oauth2: {authority: login, client: {id: x}}}", "no address of a server of tokens"),
        ("{oauth2: {authority: 'https://l'}}", "no client"),
        ("{oauth2: {authority: 'https://l', grant: device, client: {id: x}}}", "none of them"),
        ("{oauth2: {authority: 'https://l', grant: password, client: {id: x}}}", "no username"),
        ("{oauth2: {authority: 'https://l', client: {id: x, authentication: client_secret_post}}}", "no secret"),
    ],
)
def test_faulty_authentication_is_refused_with_its_place(tmp_path: Path, written: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as fault:
        addresses(tmp_path, written)
    assert says in str(fault.value)
    assert "s3cret" not in str(fault.value)


@pytest.mark.parametrize("url", ["https://ada:${env:S}@erp.example.com", "postgresql://erp.example.com/x"])
def test_address_that_cannot_have_authentication_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError):
        addresses(tmp_path, "{bearer: {token: '${env:S}'}}", url)


def test_certificates_are_read_with_their_files_and_refused_where_they_are_none(tmp_path: Path) -> None:
    ours = certificates.Authority().issue("exlify")
    (tmp_path / "c.pem").write_text(ours.certificate)
    (tmp_path / "k.pem").write_text(ours.key)
    tls = "  tls: {certificate: '${file:c.pem}', key: '${file:k.pem}'}\n"
    token = "{bearer: {token: '${env:S}'}}"
    assert addresses(tmp_path, token, more=tls).described()[0].ways == ("bearer", "certificate")
    (tmp_path / "k.pem").write_text(certificates.Authority().issue("other").key)
    with pytest.raises(ConfigurationError, match="no certificates in PEM"):
        addresses(tmp_path, token, more=tls)


def test_address_given_elsewhere_is_not_told_who_we_are(tmp_path: Path) -> None:
    addresses(tmp_path, "{bearer: {token: '${env:S}'}}")
    elsewhere = Settings().with_(ConnectionSettings(urls={"erp": "https://other.example.com"}))
    assert Addresses(elsewhere, Site(tmp_path, ENVIRON)).identity("erp") is NOBODY


def test_keys_of_ssh_are_read_and_not_shown(tmp_path: Path) -> None:
    host, own = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    shown = host.export_public_key().decode().strip()
    (tmp_path / "key").write_bytes(own.export_private_key())
    said = f"erp:\n  url: sftp://ada@erp.example.com/in\n  ssh: {{hostKey: {shown}, key: '${{file:key}}'}}\n"
    (tmp_path / FILE).write_text(said)
    known = Addresses(Settings(), Site(tmp_path, ENVIRON))
    ssh = known.identity("erp").ssh
    assert ssh is not None and ssh.host_keys == (shown,)
    assert known.described()[0].ways == ("user", "key")
    assert "PRIVATE" not in repr(known.identity("erp"))
    for old, new, says in (
        (shown, "ssh-ed25519 AAAA", "3:18: no key of a server"),
        (f"hostKey: {shown}, ", "", "no hostKey"),
        ("${file:key}", "secret", "3:.*a secret in the file"),
        ("sftp://ada@erp", "https://erp", "ssh for an address of https"),
        ("sftp://ada@erp", "kafkas://ada@erp", "ssh for an address of kafkas"),
    ):
        (tmp_path / FILE).write_text(said.replace(old, new))
        with pytest.raises(ConfigurationError, match=says):
            Addresses(Settings(), Site(tmp_path, ENVIRON))
    (tmp_path / FILE).write_text(said)
    (tmp_path / "key").write_text("no key")
    with pytest.raises(ConfigurationError, match="no private key"):
        Addresses(Settings(), Site(tmp_path, ENVIRON))
