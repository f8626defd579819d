"""The way in: who somebody is, and that a change comes from a page of ours.

Without a token, which is for one user on loopback, nobody has to log in. With one, the token is asked for once and the
browser keeps a session. A change has to come from our own origin and carry the token of its form, both, whether there
is a session or not: any page that somebody has open could send a form to this address.
"""

from __future__ import annotations

import getpass
import hmac
from urllib.parse import quote, urlsplit

from aiohttp import web

from streams.console import sessions
from streams.console.page import Page, Shown, View, Visit, see_other
from streams.console.rights import MAX_NAME, Actor
from streams.console.sessions import Attempts, Session, Sessions
from streams.gateway.bodies import one_line
from streams.gateway.problems import ProblemError
from streams.gateway.settings import GatewaySettings
from streams.ground.settings import Settings

FIELD = "form_token"
FILES = "multipart/form-data"
UTF8 = "utf-8"


class Entry:
    """Knows who is there. One for each application."""

    def __init__(self, settings: Settings) -> None:
        self.token = settings.of(GatewaySettings).token
        self.sessions = Sessions(self.token)
        self._attempts = Attempts()

    def session(self, request: web.Request) -> Session | None:
        """The session that a request brings along."""
        name = sessions.SECURE_NAME if request.secure else sessions.NAME
        return self.sessions.known(request.cookies.get(name, ""))

    def actor(self, session: Session | None) -> Actor | None:
        """Who is there; None for somebody who has to log in first."""
        if session is not None:
            return Actor(session.actor)
        return None if self.token else Actor(_user())

    async def require_own_form(self, request: web.Request, *, files: bool) -> None:
        """Raises ProblemError (403) where a change comes from elsewhere, or from a page of another session; and (415)
        where its form is not one of ours, before it is read: whoever sends it may be nobody known.
        """
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin", "")
        ours = urlsplit(origin).netloc == request.host if origin else False
        if not (ours if site is None else site == "same-origin"):
            raise ProblemError(403, "foreign", "This change did not come from a page of this console.")
        if request.content_type == FILES and not files:
            raise ProblemError(415, "media-type", "This form has no files: send it as an ordinary one.")
        if (request.charset or UTF8).lower() != UTF8:  # some that Python knows take the square of the length
            raise ProblemError(415, "media-type", "Send forms in UTF-8.")
        given = (await request.post()).get(FIELD, "")
        if not isinstance(given, str) or not self.sessions.is_form_token(self.session(request), given):
            detail = "This form is from another session, or from before a restart. Open the page again."
            raise ProblemError(403, "form-expired", detail)

    async def log_in(self, visit: Visit) -> Shown:
        """The form's answer: a session, or the form again."""
        form = await visit.request.post()
        name, given = str(form.get("name", "")).strip()[:MAX_NAME], str(form.get("token", ""))
        onward = own_path(str(form.get("next", "")))
        address = visit.request.remote or ""
        if not self._attempts.allowed(address):
            return _form(self, onward, name, "Too many wrong tokens. Wait a minute.", status=429)
        if self.token and not hmac.compare_digest(given.strip().encode(), self.token.encode()):
            self._attempts.failed(address)
            return _form(self, onward, name, "This is not the token of EXLIFY_API_TOKEN.", status=401)
        try:
            one_line("name", name)
        except ProblemError as error:
            return _form(self, onward, "", f"{error.detail}. It goes on record with what you do.", status=422)
        answer = see_other(onward)
        session = self.sessions.begin(name)
        answer.set_cookie(
            sessions.SECURE_NAME if visit.request.secure else sessions.NAME,
            session.text,
            max_age=sessions.LIFETIME_S,
            httponly=True,
            secure=visit.request.secure,
            samesite="Strict",
            path="/",
        )
        return answer

    async def show_form(self, visit: Visit) -> Shown:
        """The form to come in by."""
        return _form(self, own_path(visit.query("next")), visit.actor.name, "")

    async def log_out(self, visit: Visit) -> Shown:
        """Ends the session in this browser."""
        answer = see_other("/login" if self.token else "/")
        for name in (sessions.NAME, sessions.SECURE_NAME):
            answer.del_cookie(name, path="/", secure=visit.request.secure, samesite="Strict", httponly=True)
        return answer

    def pages(self) -> tuple[Page, ...]:
        """Those that this entry answers itself."""
        return (
            Page(path="/login", show=self.show_form, open=True),
            Page(path="/login", show=self.log_in, method="POST", open=True),
            Page(path="/logout", show=self.log_out, method="POST"),
        )


def to_login(request: web.Request) -> web.Response:
    """Sends somebody who is not known to the form, and from there back.

    A link on a foreign page brings no session along (SameSite=Strict): asked from a page of ours it does, so the first
    answer to such a visit is a page that asks again.
    """
    if request.method == "GET" and request.headers.get("Sec-Fetch-Site") == "cross-site" and request.cookies == {}:
        text = "<!doctype html><title>Exlify</title><p>One moment."
        return web.Response(text=text, content_type="text/html", headers={"Refresh": f"0; url={_here(request)}"})
    return see_other("/login?next=" + quote(_here(request), safe="") if request.method == "GET" else "/login")


def own_path(text: str) -> str:
    """The path of a page of ours; `/` for anything that could lead elsewhere."""
    fine = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() and "\\" not in text
    return text if fine else "/"


def _here(request: web.Request) -> str:
    return own_path(request.rel_url.raw_path + (f"?{request.rel_url.raw_query_string}" if request.query_string else ""))


def _form(entry: Entry, onward: str, name: str, fault: str, *, status: int = 200) -> View:
    data = {"next": onward, "name": name, "fault": fault, "needs_token": bool(entry.token)}
    return View(template="login.html", data=data, status=status)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
