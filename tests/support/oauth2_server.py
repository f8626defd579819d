"""A server of OAuth 2 tokens and a system that takes nothing else, in a process of its own: Authlib's, in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Flask, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

CLIENT, SECRET, FIRST_REFRESH = "exlify", "client-s3cret", "first-refresh"
LIFE_S = 100
PROOFS = ("client_secret_basic", "client_secret_post")


@contextmanager
def running() -> Iterator[str]:
    """The server; gives its address."""
    environ = {**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"}  # it is on loopback
    process = subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True, env=environ)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


class Client(ClientMixin):  # type: ignore[misc]
    """The one there is."""

    def get_client_id(self) -> str:
        return CLIENT

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(each for each in (scope or "").split() if each == "orders")

    def check_client_secret(self, secret: str) -> bool:
        return secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in PROOFS

    def check_grant_type(self, kind: str) -> bool:
        return True


class Token(TokenMixin):  # type: ignore[misc]
    """One that was given."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return LIFE_S

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False

    def check_client(self, client: Client) -> bool:
        return True


GIVEN: dict[str, Token] = {}
REFRESH = {FIRST_REFRESH}
MADE: list[str] = []


class ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = PROOFS


class Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = PROOFS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, token: str) -> Token | None:
        if token not in REFRESH:
            return None
        REFRESH.remove(token)  # each is good once
        return Token("orders")

    def authenticate_user(self, token: Token) -> str:
        return "somebody"

    def revoke_old_credential(self, token: Token) -> None:
        pass


class Validator(BearerTokenValidator):  # type: ignore[misc]
    def authenticate_token(self, text: str) -> Token | None:
        return GIVEN.get(text)


def save(token: dict[str, Any], request: Any) -> None:
    MADE.append(token["access_token"])
    GIVEN[token["access_token"]] = Token(token.get("scope", ""))
    if "refresh_token" in token:
        REFRESH.add(token["refresh_token"])


def application() -> Flask:
    """Tokens at /oauth2/token, the system at /orders; /tokens counts, /revoke makes every token so far worthless."""
    app = Flask(__name__)
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": LIFE_S, "refresh_token": LIFE_S}
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    server = AuthorizationServer(app, lambda name: Client() if name == CLIENT else None, save)
    server.register_grant(ClientCredentials)
    server.register_grant(Refresh)
    protected = ResourceProtector()
    protected.register_token_validator(Validator())

    def orders() -> Any:
        return jsonify(taken=True)

    def revoke() -> Any:
        GIVEN.clear()
        return jsonify(done=True)

    app.add_url_rule("/oauth2/token", "token", server.create_token_response, methods=["POST"])
    app.add_url_rule("/orders", "orders", protected("orders")(orders), methods=["GET", "POST"])
    app.add_url_rule("/tokens", "tokens", lambda: jsonify(count=len(MADE)))
    app.add_url_rule("/revoke", "revoke", revoke, methods=["POST"])
    return app


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


if __name__ == "__main__":
    made = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=Quiet)
    print(made.server_port, flush=True)
    made.serve_forever()
