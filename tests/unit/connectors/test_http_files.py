"""Bodies that are files: what is answered goes into one, what is sent comes out of one, whole or not at all, and in
little memory; whatever goes wrong, what is said of the effect is true."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.assembly import standard_hub
from connectors.file.content import draft_name
from connectors.http.files import THREADS
from connectors.http.openapi import read as read_document
from connectors.http.unpacking import PIECE_BYTES, Unpacking
from connectors.hub.contract import HubCall
from connectors.hub.identity import Digest, Identity, OAuth2
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support import large_bodies, peers
from tests.support.disks import room
from tests.support.hubs import CALM, QUICK
from tests.support.waiting import PATIENCE_S, until

KEY = "k"
SMALL, LARGE = 48 * 2**20, 320 * 2**20
GROWTH = 40 * 2**20
BODY = b"a;b\n1;2\n"
LONG = CallLimits(try_timeout_s=300.0, total_timeout_s=330.0)
SAVE = {"connection": "exchange", "file": "in/export.csv"}
SEND = {"connection": "exchange", "file": "import.csv"}

sizes = pytest.mark.parametrize("size", [SMALL, pytest.param(LARGE, marks=pytest.mark.crash)])


class Site:
    """A hub, and a folder that it knows as `exchange`."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder

    async def send(
        self, url: str, method: str = "GET", effect: EffectClass | None = None, key: str = KEY, **more: Any
    ) -> CallOutcome:
        arguments = {"method": method, "endpoint": url, **more}
        return await self.hub.carry_out(HubCall(function="http", arguments=arguments, key=key, effect=effect))

    async def save(self, url: str, method: str = "GET", effect: EffectClass | None = None, **more: Any) -> CallOutcome:
        return await self.send(url, method, effect, **{"save": SAVE, **more})

    async def files(self) -> list[str]:
        """All that is there, drafts too, once no thread is at work any more."""
        hub: Any = self.hub
        everybody = threading.Barrier(THREADS)
        pool = hub._operations["http"].connector._files
        await asyncio.gather(*(asyncio.wrap_future(pool.submit(everybody.wait, 60)) for _ in range(THREADS)))
        return sorted(str(each.relative_to(self.folder)) for each in self.folder.rglob("*") if each.is_file())

    @property
    def saved(self) -> Path:
        return self.folder / "in" / "export.csv"


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


@asynccontextmanager
async def a_site(folder: Path, limits: CallLimits = CALM, **more: Any) -> AsyncIterator[Site]:
    urls = {"exchange": f"file://{made(folder)}", **more.pop("urls", {})}
    async with standard_hub(urls, limits=limits, **more) as hub:
        yield Site(hub, folder)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path / "exchange") as it:
        yield it


def answer(body: bytes, *headers: str) -> peers.Act:
    return peers.status(200, "Content-Type: text/csv; charset=utf-8", *headers, body=body)


# --- what is answered


@sizes
@pytest.mark.parametrize("more", ["", "?chunked"], ids=["by length", "chunked"])
async def test_large_answer_becomes_a_file_in_little_memory(tmp_path: Path, size: int, more: str) -> None:
    async with (
        large_bodies.large() as system,
        a_site(tmp_path / "exchange", LONG) as site,
        large_bodies.memory() as memory,
    ):
        outcome = await site.save(f"{system.url}/exports/{size}{more}")
    sha256 = large_bodies.digest(size)
    told = {"file": "in/export.csv", "bytes": size, "sha256": sha256, "type": "text/csv"}
    assert (outcome.output, outcome.effect) == (told, Effect.NONE)
    assert large_bodies.of_file(site.saved) == sha256
    assert memory.grown < GROWTH


async def test_a_file_of_its_name_is_replaced_and_nothing_is_left_beside_it(site: Site) -> None:
    left = site.saved.with_name(draft_name(site.saved.name, KEY, 0))  # by a worker that was killed
    foreign = site.saved.with_name(draft_name(site.saved.name, "other", 0))
    site.saved.parent.mkdir()
    for each in (site.saved, left, foreign):
        each.write_text("before")
    async with peers.peer(answer(BODY)) as peer:
        assert (await site.save(peer.url)).ok
    assert site.saved.read_bytes() == BODY
    assert await site.files() == [str(foreign.relative_to(site.folder)), "in/export.csv"]


async def test_response_has_it_as_its_content(site: Site) -> None:
    async with peers.peer(answer(BODY, "ETag: 7")) as peer:
        outcome = await site.save(peer.url, output="response")
    assert (outcome.output["statusCode"], outcome.output["headers"]["etag"]) == (200, "7")
    assert outcome.output["content"]["bytes"] == len(BODY)


def deflated(raw: bytes, bits: int) -> bytes:
    packer = zlib.compressobj(wbits=bits)
    return packer.compress(raw) + packer.flush()


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(BODY), "gzip"),
        (b"".join(gzip.compress(BODY[at : at + 1]) for at in range(len(BODY))) + bytes(20), "X-Gzip"),
        (deflated(BODY, 15), "deflate"),
        (deflated(BODY, -15), "deflate"),
        (BODY, "identity"),
        (b"", "gzip"),
    ],
    ids=["gzip", "gzip in parts", "zlib", "deflate", "not packed", "nothing"],
)
async def test_what_is_packed_on_its_way_is_unpacked(site: Site, packed: bytes, coding: str) -> None:
    async with peers.peer(answer(packed, f"Content-Encoding: {coding}")) as peer:
        outcome = await site.save(peer.url)
    wanted = BODY if packed else b""
    assert (outcome.ok, site.saved.read_bytes()) == (True, wanted)
    assert outcome.output["sha256"] == hashlib.sha256(wanted).hexdigest()


@pytest.mark.parametrize("step", [1, 7, 1_000, 10**7])
def test_unpacking_does_not_depend_on_how_it_comes_and_is_bounded(step: int) -> None:
    raw = bytes(3 * PIECE_BYTES) + os.urandom(5_000) + b"a" * PIECE_BYTES
    packed = gzip.compress(raw[:1]) + gzip.compress(raw[1:]) + b"\0"
    unpacking = Unpacking("gzip")
    made: list[bytes] = []
    for at in range(0, len(packed), step):
        made += unpacking.pieces(packed[at : at + step])
    unpacking.end()
    assert b"".join(made) == raw
    assert max(map(len, made)) <= PIECE_BYTES


async def test_an_error_is_not_saved_and_its_body_is_told(site: Site) -> None:
    site.saved.parent.mkdir()
    site.saved.write_text("before")
    async with peers.peer(peers.status(422, "Content-Type: application/json", body=b'{"a":1}')) as peer:
        outcome = await site.save(peer.url)
    assert (outcome.ok, outcome.status, outcome.answer) == (False, 422, {"a": 1})
    assert (site.saved.read_text(), await site.files()) == ("before", ["in/export.csv"])


@pytest.mark.parametrize(
    ("act", "more"),
    [(peers.status(204), {}), (peers.status(304), {"redirect": True})],
    ids=["no content", "not modified"],
)
async def test_an_answer_without_a_body_leaves_the_file_as_it_is(
    site: Site, act: peers.Act, more: dict[str, Any]
) -> None:
    site.saved.parent.mkdir()
    site.saved.write_text("before")
    async with peers.peer(act) as peer:
        outcome = await site.save(peer.url, **more)
    assert (outcome.ok, outcome.output, site.saved.read_text()) == (True, None, "before")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def then(raw: bytes, end: peers.Act) -> peers.Act:
    """Says this, and goes on."""

    async def act(writer: Any) -> None:
        writer.write(raw)
        await writer.drain()
        await asyncio.sleep(0)
        await end(writer)

    return act


CUTS = {
    "reset before the head": peers.resets,
    "closed before the head": peers.closes,
    "reset after the head": then(HEAD + b"Content-Length: 9\r\n\r\n", peers.resets),
    "closed after the head": then(HEAD + b"Content-Length: 9\r\n\r\n", peers.closes),
    "shorter than it says": then(HEAD + b"Content-Length: 9\r\n\r\nabc", peers.closes),
    "reset in the body": then(HEAD + b"Content-Length: 9\r\n\r\nabc", peers.resets),
    "between chunks": then(CHUNKED + b"3\r\nabc\r\n", peers.closes),
    "in a chunk": then(CHUNKED + b"9\r\nabc", peers.closes),
    "no chunk": then(CHUNKED + b"x\r\nabc", peers.closes),
}


@pytest.mark.parametrize("effect", [EffectClass.READ, EffectClass.BLIND])
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_what_is_cut_is_not_there(site: Site, cut: peers.Act, effect: EffectClass) -> None:
    site.saved.parent.mkdir()
    site.saved.write_text("before")
    async with peers.peer(cut, answer(BODY)) as peer:
        outcome = await site.save(peer.url, "POST", effect)
        assert peer.count == 1
        assert (site.saved.read_text(), await site.files()) == ("before", ["in/export.csv"])
        if effect is EffectClass.BLIND:
            assert (outcome.reason, outcome.effect) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN)
        else:
            assert (outcome.reason, outcome.effect) == (Reason.UNREACHED, Effect.NONE)
            assert (await site.save(peer.url, "POST", effect)).ok  # it may be asked for again
            assert site.saved.read_bytes() == BODY


@pytest.mark.parametrize(
    ("packed", "coding"),
    [
        (gzip.compress(BODY)[:-3], "gzip"),
        (gzip.compress(BODY)[:1], "gzip"),
        (BODY, "gzip"),
        (BODY, "br"),
        (gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
    ],
    ids=["cut", "cut at once", "not packed", "unknown", "packed twice"],
)
async def test_what_is_not_packed_as_it_says_is_not_there(site: Site, packed: bytes, coding: str) -> None:
    async with peers.peer(answer(packed, f"Content-Encoding: {coding}")) as peer:
        outcome = await site.save(peer.url, "POST")
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.DONE)
    assert "answered 200, but its " in outcome.detail
    assert await site.files() == []


@pytest.mark.parametrize(
    "act",
    [
        answer(bytes(2_000)),
        then(CHUNKED + b"7d0\r\n" + bytes(2_000) + b"\r\n0\r\n\r\n", peers.never_answers),
        answer(gzip.compress(bytes(10**7)), "Content-Encoding: gzip"),
    ],
    ids=["by its length", "as it comes", "unpacked"],
)
async def test_more_than_it_may_have_is_not_taken(site: Site, act: peers.Act) -> None:
    async with peers.peer(act) as peer:
        outcome = await site.save(peer.url, save={**SAVE, "most": 1_000})
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.NONE)
    assert "larger than 1000 bytes" in outcome.detail
    assert await site.files() == []


@pytest.mark.parametrize(("method", "effect"), [("GET", Effect.NONE), ("POST", Effect.DONE)])
async def test_a_full_disk_is_told_and_says_nothing_about_the_system(site: Site, method: str, effect: Effect) -> None:
    async with peers.peer(answer(bytes(2_000_000))) as peer:
        for _ in range(6):
            with room(1_000_000):
                outcome = await site.save(peer.url, method)
            assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, effect)
            assert "exchange: there is no room left; make some" in outcome.detail
    assert set(site.hub.breakers().values()) == {"closed"}
    assert await site.files() == []


def of(argument: str, file: str, connection: str = "exchange") -> dict[str, Any]:
    return {argument: {"connection": connection, "file": file}}


NAMES = ["../x", "/etc/passwd", "a/../../x", ".hidden", "a/.ssh/x", "a\nb", "a/", "..", "a\\..\\b"]


@pytest.mark.parametrize("argument", ["save", "send"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_leads_elsewhere_is_refused(site: Site, name: str, argument: str) -> None:
    async with peers.peer(answer(BODY)) as peer:
        outcome = await site.send(peer.url, "POST", **of(argument, name))
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.INPUT_INVALID, Effect.NONE, 0)
    assert f"{argument}.file is no name of a file" in outcome.detail


@pytest.mark.parametrize("argument", ["save", "send"])
@pytest.mark.parametrize("name", ["link", "out/secret", "itself"])
async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, argument: str, name: str) -> None:
    async with a_site(tmp_path / "exchange") as site, peers.peer(answer(BODY)) as peer:
        (tmp_path / "secret").write_text("x")
        (site.folder / "link").symlink_to(tmp_path / "secret")
        (site.folder / "out").symlink_to(tmp_path)
        (site.folder / "itself").symlink_to(site.folder / "itself")
        outcome = await site.send(peer.url, "POST", **of(argument, name))
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.POLICY_DENIED, Effect.NONE, 0)
        assert (tmp_path / "secret").read_text() == "x"
        assert sorted(os.listdir(tmp_path)) == ["exchange", "secret"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"save": SAVE, "pages": {"by": "link"}}, "save stands beside pages"),
        ({"save": SAVE, "output": "raw"}, "save stands beside output: raw"),
        ({"save": SAVE, "method": "HEAD"}, "save has nothing to save"),
        ({"save": {**SAVE, "most": 0}}, "save.most is no number of bytes"),
        ({"save": {**SAVE, "most": True}}, "save.most is no number of bytes"),
        ({"save": {"file": "a"}}, "save.connection is missing"),
        ({"send": SEND, "body": {}}, "send stands beside body"),
        ({"send": SEND, "headers": {"content-type": "multipart/form-data"}}, "send is no form in parts"),
        ({"send": {**SEND, "most": 1}}, "send has a member that it cannot have"),
    ],
)
async def test_what_cannot_be_meant_is_refused(site: Site, more: dict[str, Any], says: str) -> None:
    async with peers.peer(answer(BODY)) as peer:
        outcome = await site.send(peer.url, **more)
        assert (outcome.reason, peer.count) == (Reason.INPUT_INVALID, 0)
    assert says in outcome.detail


async def test_a_connection_that_is_no_folder_or_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    urls = {"gone": f"file://{tmp_path}/gone", "erp": "http://127.0.0.1:1"}
    async with a_site(tmp_path / "exchange", urls=urls) as site, peers.peer(answer(BODY)) as peer:
        for name, reason in (("gone", Reason.UNREACHED), ("erp", Reason.MISCONFIGURED), ("no", Reason.MISCONFIGURED)):
            for argument in ("save", "send"):
                outcome = await site.send(peer.url, "POST", **of(argument, "a", name))
                assert (outcome.reason, outcome.effect) == (reason, Effect.NONE), outcome
        assert (peer.count, (tmp_path / "gone").exists()) == (0, False)


@pytest.mark.parametrize(("name", "says"), [("in", "it is a folder"), ("a/b", "a part of its path is a file")])
async def test_what_cannot_be_written_is_told_before_anything_is_sent(site: Site, name: str, says: str) -> None:
    (site.folder / "in").mkdir()
    (site.folder / "a").write_text("x")
    async with peers.peer(answer(BODY)) as peer:
        outcome = await site.send(peer.url, "POST", save={"connection": "exchange", "file": name})
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.INPUT_INVALID, Effect.NONE, 0)
    assert says in outcome.detail
    assert await site.files() == ["a"]


async def test_a_silent_system_ends_with_the_time_of_the_try(tmp_path: Path) -> None:
    async with a_site(tmp_path / "exchange", QUICK) as site, peers.peer(peers.trickles) as peer:
        outcome = await site.save(peer.url)
        assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)
        assert await site.files() == []


async def test_a_folder_that_hangs_ends_the_call_in_time_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, is_dir = threading.Event(), Path.is_dir
    monkeypatch.setattr(
        Path, "is_dir", lambda path: goes_on.wait(PATIENCE_S) if path.name == "exchange" else is_dir(path)
    )
    async with a_site(tmp_path / "exchange") as site, peers.peer(answer(BODY)) as peer:
        try:
            asked = {"method": "POST", "endpoint": peer.url, "save": SAVE}
            soon_ms = int(time.time() * 1_000) + 700
            outcome = await site.hub.carry_out(HubCall(function="http", arguments=asked, key=KEY, deadline_ms=soon_ms))
            assert (outcome.reason, outcome.effect, peer.count) == (Reason.TIMED_OUT, Effect.NONE, 0)
            assert (await site.send(peer.url)).ok
        finally:
            goes_on.set()
        assert await site.files() == []  # also where it comes back


async def test_a_call_that_is_taken_back_leaves_nothing(site: Site) -> None:
    async with peers.peer(peers.trickles) as peer:
        calling = asyncio.create_task(site.save(peer.url))
        await until(lambda: list(site.folder.rglob(".*")))
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert await site.files() == []


SAVING = """
import asyncio, sys
from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall

async def main(url, folder):
    async with standard_hub({"exchange": f"file://{folder}"}) as hub:
        save = {"connection": "exchange", "file": "in/export.csv"}
        arguments = {"method": "GET", "endpoint": url, "save": save}
        await hub.carry_out(HubCall(function="http", arguments=arguments, key="k"))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_in_the_middle_the_old_file_is_there_and_the_next_try_tidies_up(site: Site) -> None:
    site.saved.parent.mkdir()
    site.saved.write_text("before")
    half = then(HEAD + b"Content-Length: 4000000\r\n\r\n" + bytes(3_000_000), peers.never_answers)

    def is_half_there() -> bool:
        return any(each.stat().st_size > 1_000_000 for each in site.saved.parent.glob(".export.csv.*"))

    async with peers.peer(half, answer(BODY)) as peer:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", SAVING, peer.url, str(site.folder))
        await until(is_half_there)
        process.kill()
        await process.wait()
        assert (site.saved.read_text(), len(await site.files())) == ("before", 2)
        assert (await site.save(peer.url)).ok
    assert (site.saved.read_bytes(), await site.files()) == (BODY, ["in/export.csv"])


async def test_no_time_left_means_that_nothing_is_sent(site: Site) -> None:
    (site.folder / "import.csv").write_bytes(BODY)
    async with peers.peer(answer(BODY)) as peer:
        arguments = {"method": "POST", "endpoint": peer.url, "save": SAVE, "send": SEND}
        outcome = await site.hub.carry_out(HubCall(function="http", arguments=arguments, key=KEY, deadline_ms=1))
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.TIMED_OUT, Effect.NONE, 0)
    assert await site.files() == ["import.csv"]


# --- what is sent


@sizes
async def test_large_file_is_sent_in_little_memory(tmp_path: Path, size: int) -> None:
    async with large_bodies.large() as system, a_site(tmp_path / "exchange", LONG) as site:
        sha256 = large_bodies.written(site.folder / "import.csv", size)
        async with large_bodies.memory() as memory:
            outcome = await site.send(f"{system.url}/imports/a", "PUT", send=SEND, headers={"Content-Type": "text/csv"})
        assert (outcome.ok, outcome.effect, outcome.output) == (True, Effect.DONE, {"sha256": sha256})
        assert system.taken["/imports/a"] == (size, size, sha256, "text/csv")
    assert memory.grown < GROWTH


@pytest.mark.parametrize("content", [b"", b"x", BODY])
async def test_file_is_sent_as_it_is_with_its_length_and_the_key_of_the_step(site: Site, content: bytes) -> None:
    (site.folder / "import.csv").write_bytes(content)
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await site.send(peer.url, "POST", EffectClass.KEYED, send=SEND)
        assert (outcome.ok, outcome.effect, peer.body()) == (True, Effect.DONE, content)
        names = ("Content-Length", "Content-Type", "Idempotency-Key", "Transfer-Encoding")
        sent = [peer.header(name) for name in names]
    assert sent == [str(len(content)), "application/octet-stream", KEY, None]


async def test_what_is_sent_and_what_is_answered_may_both_be_files(site: Site) -> None:
    (site.folder / "import.csv").write_bytes(BODY)
    async with peers.peer(answer(b"report")) as peer:
        outcome = await site.save(peer.url, "POST", send=SEND)
        assert (outcome.ok, peer.body(), site.saved.read_bytes()) == (True, BODY, b"report")


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        (lambda path: None, Reason.NOT_FOUND, "exchange: there is no such file"),
        (lambda path: path.mkdir(), Reason.INPUT_INVALID, "exchange: it is a folder"),
        (os.mkfifo, Reason.INPUT_INVALID, "exchange: it is no file"),
    ],
    ids=["missing", "folder", "pipe"],
)
async def test_what_cannot_be_read_is_not_sent(
    site: Site, make: Callable[[Path], object], reason: Reason, says: str
) -> None:
    make(site.folder / "import.csv")
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await site.send(peer.url, "POST", send=SEND)
        assert (outcome.reason, outcome.effect, peer.count) == (reason, Effect.NONE, 0)
    assert says in outcome.detail


@asynccontextmanager
async def half_reader(then_says: bytes) -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """Reads the head and no more, until it is told to; gives its address, that it has a head, and what tells it."""
    came, goes_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            came.set()
            await goes_on.wait()
            if then_says:
                writer.write(then_says)
                await done.wait()
            else:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=4_096)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came, goes_on
    finally:
        done.set()
        goes_on.set()
        server.close()


@pytest.mark.parametrize(
    ("effect", "reason", "told"),
    [
        (EffectClass.BLIND, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN),
        (EffectClass.READ, Reason.CONFLICT, Effect.NONE),
    ],
)
async def test_a_file_that_becomes_shorter_meanwhile_is_not_sent_as_a_whole(
    site: Site, effect: EffectClass, reason: Reason, told: Effect
) -> None:
    path = site.folder / "import.csv"
    path.write_bytes(bytes(32 * 2**20))
    async with half_reader(b"") as (url, came, goes_on):
        calling = asyncio.create_task(site.send(url, "POST", effect, send=SEND))
        await came.wait()
        os.truncate(path, 1_000)
        goes_on.set()
        outcome = await calling
    assert (outcome.reason, outcome.effect) == (reason, told)
    assert "the file has become shorter while it was sent" in outcome.detail
    assert set(site.hub.breakers().values()) == {"closed"}


async def test_another_file_of_its_name_does_not_get_into_it(site: Site) -> None:
    path = site.folder / "import.csv"
    path.write_bytes(b"a" * 8 * 2**20)
    async with large_bodies.large() as system:
        calling = asyncio.create_task(site.send(f"{system.url}/imports/a", "PUT", send=SEND))
        await asyncio.sleep(0)
        path.with_name("new").write_bytes(b"b" * 8 * 2**20)
        path.with_name("new").replace(path)
        assert (await calling).ok
        digests = {hashlib.sha256(each * 8 * 2**20).hexdigest() for each in (b"a", b"b")}
        assert system.taken["/imports/a"][2] in digests


@pytest.mark.parametrize(
    ("effect", "reason", "told"),
    [
        (EffectClass.BLIND, Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN),
        (EffectClass.READ, Reason.UNREACHED, Effect.NONE),
    ],
)
async def test_who_says_yes_before_it_has_all_of_it_has_not_done_it(
    site: Site, effect: EffectClass, reason: Reason, told: Effect
) -> None:
    (site.folder / "import.csv").write_bytes(bytes(32 * 2**20))
    async with half_reader(peers.OK) as (url, _, goes_on):
        goes_on.set()
        outcome = await site.send(url, "POST", effect, send=SEND)
    assert (outcome.reason, outcome.effect) == (reason, told)
    assert "answered before it had all of the file" in outcome.detail


@pytest.mark.parametrize("broken", [peers.resets, peers.closes])
async def test_a_connection_that_breaks_leaves_a_blind_effect_in_doubt(site: Site, broken: peers.Act) -> None:
    (site.folder / "import.csv").write_bytes(BODY)
    async with peers.peer(broken) as peer:
        outcome = await site.send(peer.url, "POST", send=SEND)
        assert (outcome.reason, outcome.effect, peer.count) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, 1)


async def test_a_system_that_takes_nothing_ends_with_the_time_of_the_try(tmp_path: Path) -> None:
    async with a_site(tmp_path / "exchange", QUICK) as site, half_reader(b"") as (url, _, _):
        (site.folder / "import.csv").write_bytes(bytes(32 * 2**20))
        outcome = await site.send(url, "POST", send=SEND)
    assert (outcome.reason, outcome.effect, outcome.status) == (Reason.OUTCOME_UNKNOWN, Effect.UNKNOWN, 408)


async def test_a_token_that_is_not_taken_any_more_costs_nothing_of_the_file(tmp_path: Path) -> None:
    given = peers.status(200, "Content-Type: application/json", body=b'{"access_token":"t","expires_in":60}')
    async with peers.peer(given) as login, peers.peer(peers.status(401), answer(BODY)) as peer:
        identity = Identity(OAuth2(token_url=f"{login.url}/token", client="c", secret="s"))
        urls = {"erp": peer.url}
        async with a_site(tmp_path / "exchange", urls=urls, identity_of=lambda _: identity) as site:
            (site.folder / "import.csv").write_bytes(bytes(3_000_000))
            outcome = await site.save("connection://erp", "POST", send=SEND)
        assert (outcome.ok, site.saved.read_bytes()) == (True, BODY)
        assert [peer.body(number) for number in (0, 1)] == [bytes(3_000_000)] * 2


@pytest.mark.parametrize(("qop", "ok"), [("auth", True), ("auth-int", False)])
async def test_a_proof_over_the_whole_body_is_not_made_of_a_file(tmp_path: Path, qop: str, ok: bool) -> None:
    asks = peers.status(401, f'WWW-Authenticate: Digest realm="a", nonce="b", qop="{qop}", algorithm=SHA-256')
    identity = Identity(Digest("a", "b"))
    async with peers.peer(asks, peers.answers(peers.OK)) as peer:
        urls = {"erp": peer.url}
        async with a_site(tmp_path / "exchange", urls=urls, identity_of=lambda _: identity) as site:
            (site.folder / "import.csv").write_bytes(BODY)
            outcome = await site.send("connection://erp", "POST", send=SEND)
        assert outcome.ok is ok
        if ok:
            assert peer.body(1) == BODY
        else:
            assert (outcome.reason, outcome.effect, peer.count) == (Reason.UNSUPPORTED, Effect.NONE, 1)


# --- by a document


API = {
    "openapi": "3.1.0",
    "paths": {
        "/orders": {
            "get": {"operationId": "export"},
            "post": {"operationId": "import", "requestBody": {"required": True, "content": {"text/csv": {}}}},
            "put": {"operationId": "any", "requestBody": {"content": {"application/zip": {}}}},
            "patch": {"operationId": "form", "requestBody": {"content": {"multipart/form-data": {}}}},
        }
    },
}


@pytest.mark.parametrize(
    ("operation", "more", "kind"),
    [
        ("export", {"save": SAVE}, None),
        ("import", {"send": SEND}, "text/csv"),
        ("any", {"send": SEND, "save": SAVE}, "application/octet-stream"),
        ("form", {"send": SEND}, "application/octet-stream"),
    ],
)
async def test_operations_of_documents_save_and_send_as_well(
    tmp_path: Path, operation: str, more: dict[str, Any], kind: str | None
) -> None:
    api = read_document(API)
    async with (
        peers.peer(answer(BODY)) as peer,
        a_site(tmp_path / "exchange", urls={"shop": peer.url}, api_of=lambda _: api) as site,
    ):
        (site.folder / "import.csv").write_bytes(b"sent")
        arguments = {"document": {"endpoint": "connection://shop"}, "operationId": operation, **more}
        outcome = await site.hub.carry_out(HubCall(function="openapi", arguments=arguments, key=KEY))
        assert outcome.ok, outcome
        assert (peer.header("Content-Type"), peer.body()) == (kind, b"sent" if "send" in more else b"")
        assert site.saved.exists() is ("save" in more)


@pytest.mark.parametrize(
    ("operation", "more", "says"),
    [
        ("export", {"send": SEND}, "send is not taken by export"),
        ("import", {}, "body is needed by import"),
        ("export", {"save": SAVE, "pages": {"by": "link"}}, "openapi: save stands beside pages"),
    ],
)
async def test_what_a_document_does_not_allow_is_refused(
    tmp_path: Path, operation: str, more: dict[str, Any], says: str
) -> None:
    api = read_document(API)
    async with a_site(tmp_path / "exchange", urls={"shop": "http://127.0.0.1:1"}, api_of=lambda _: api) as site:
        arguments = {"document": {"endpoint": "connection://shop"}, "operationId": operation, **more}
        outcome = await site.hub.carry_out(HubCall(function="openapi", arguments=arguments, key=KEY))
    assert (outcome.reason, says in outcome.detail) == (Reason.INPUT_INVALID, True), outcome
