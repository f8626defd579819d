"""The registry client against a small registry in this process: real HTTP, faults on demand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from schemas.catalogue import current, text
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.messages import APPLICATION_SUBMITTED, GENERIC_EVENT, TIMER_FIRED
from schemas.registry import Registry, RegistryAccess, RegistryRefusedError, RegistryUnreachableError

TIMER = {"instance_id": "ab" * 16, "due_ms": 1}
FOREIGN = '{"type":"record","name":"shop.Order","fields":[{"name":"sum","type":"double"}]}'


class SmallRegistry:
    """Gives ids in the order of arrival. `faults` are answered before anything else; `requests` counts by path."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.subjects: dict[str, list[int]] = {}
        self.faults: list[int] = []
        self.requests: list[str] = []
        self.authorization: str | None = None
        self.application = web.Application(middlewares=[self._gate])
        self.application.router.add_post("/subjects/{subject}/versions", self._register)
        self.application.router.add_get("/schemas/ids/{id}", self._by_id)

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.faults:
            return web.Response(status=self.faults.pop(0), text="<html>sorry</html>")
        if self.authorization not in (None, request.headers.get("Authorization")):
            return web.json_response({"error_code": 40101, "message": "who are you?"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _register(self, request: web.Request) -> web.Response:
        schema = (await request.json())["schema"]
        if schema not in self.texts:
            self.texts.append(schema)
        id_ = self.texts.index(schema) + 1
        self.subjects.setdefault(request.match_info["subject"], []).append(id_)
        return web.json_response({"id": id_})

    async def _by_id(self, request: web.Request) -> web.Response:
        id_ = int(request.match_info["id"])
        if id_ > len(self.texts):
            return web.json_response({"error_code": 40403, "message": "no such schema"}, status=404)
        return web.json_response({"schema": self.texts[id_ - 1]})


@pytest.fixture
def peer() -> SmallRegistry:
    return SmallRegistry()


@pytest.fixture
async def access(peer: SmallRegistry) -> AsyncIterator[RegistryAccess]:
    async with TestServer(peer.application) as server:
        yield RegistryAccess(str(server.make_url("/")), total_timeout_s=5)


async def test_registering_twice_gives_the_same_id(access: RegistryAccess) -> None:
    async with Registry(access) as registry:
        first = await registry.register("shop.Order", FOREIGN)
        assert await registry.register("shop.Order", FOREIGN) == first
        assert await registry.by_id(first) == FOREIGN


async def test_schema_by_id_is_asked_for_once(access: RegistryAccess, peer: SmallRegistry) -> None:
    peer.texts.append(FOREIGN)
    async with Registry(access) as registry:
        assert {await registry.by_id(1) for _ in range(3)} == {FOREIGN}
    assert peer.requests == ["GET /schemas/ids/1"]


async def test_subject_with_odd_characters_stays_one(access: RegistryAccess, peer: SmallRegistry) -> None:
    async with Registry(access) as registry:
        await registry.register("a/b c", FOREIGN)
    assert list(peer.subjects) == ["a/b c"]


async def test_overloaded_registry_is_asked_again(access: RegistryAccess, peer: SmallRegistry) -> None:
    peer.faults = [503, 429, 500]
    async with Registry(access) as registry:
        assert await registry.register("shop.Order", FOREIGN) == 1
    assert len(peer.requests) == 4


async def test_refusal_is_believed_at_once(access: RegistryAccess, peer: SmallRegistry) -> None:
    async with Registry(access) as registry:
        with pytest.raises(RegistryRefusedError, match="no such schema") as caught:
            await registry.by_id(9)
    assert (caught.value.status, caught.value.code) == (404, 40403)
    assert len(peer.requests) == 1


async def test_page_instead_of_json_is_a_refusal(access: RegistryAccess, peer: SmallRegistry) -> None:
    peer.faults = [200]
    async with Registry(access) as registry:
        with pytest.raises(RegistryRefusedError, match="refused with 200"):
            await registry.by_id(9)


async def test_absent_registry_is_named_with_remedy(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with Registry(RegistryAccess(url, total_timeout_s=0.2)) as registry:
        with pytest.raises(RegistryUnreachableError, match=rf"{url}.*within 0.2 s.*EXLIFY_REGISTRY_URL"):
            await registry.by_id(9)


async def test_user_and_password_open_the_registry(access: RegistryAccess, peer: SmallRegistry) -> None:
    peer.authorization = encode_basic_auth("ann", "geheim")
    async with Registry(RegistryAccess(access.url, "ann", "geheim")) as registry:
        assert await registry.register("shop.Order", FOREIGN) == 1


async def test_wrong_password_is_named_never_shown(access: RegistryAccess, peer: SmallRegistry) -> None:
    peer.authorization = encode_basic_auth("ann", "geheim")
    wrong = RegistryAccess(access.url, "ann", "falsch")
    async with Registry(wrong) as registry:
        with pytest.raises(RegistryRefusedError, match="EXLIFY_REGISTRY_PASSWORD") as caught:
            await registry.by_id(9)
    assert "falsch" not in str(caught.value) + repr(wrong)


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "ftp://host", "http://ann:geheim@host"])
def test_wrong_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="address of the schema registry") as caught:
        RegistryAccess(url)
    assert "geheim" not in str(caught.value)


async def test_codec_writes_with_ids_of_the_registry(access: RegistryAccess, peer: SmallRegistry) -> None:
    codec = await Codec.with_registry(access)
    raw = codec.encode(TIMER_FIRED, TIMER)
    assert peer.texts[int.from_bytes(raw[1:5], "big") - 1] == text(current()[TIMER_FIRED])
    assert codec.decode(raw) == (TIMER_FIRED, TIMER)
    assert set(peer.subjects) == set(current())


async def test_topics_written_without_registry_stay_readable(access: RegistryAccess) -> None:
    raw = Codec.offline().encode(TIMER_FIRED, TIMER)
    assert (await Codec.with_registry(access)).decode(raw) == (TIMER_FIRED, TIMER)


async def test_schema_of_another_writer_is_learnt(access: RegistryAccess, peer: SmallRegistry) -> None:
    codec = await Codec.with_registry(access)
    peer.texts.append(FOREIGN)
    raw = b"\x00" + len(peer.texts).to_bytes(4, "big") + b"\x00" * 8
    with pytest.raises(UnknownSchemaId) as unknown:
        codec.decode(raw)
    await codec.learn(unknown.value.schema_id)
    assert codec.decode(raw) == ("shop.Order", {"sum": 0.0})


async def test_id_that_nobody_has_is_undecodable(access: RegistryAccess) -> None:
    codec = await Codec.with_registry(access)
    with pytest.raises(UndecodableRecord, match="is not in the registry"):
        await codec.learn(999)


async def test_locked_registry_says_nothing_about_a_record(access: RegistryAccess, peer: SmallRegistry) -> None:
    codec = await Codec.with_registry(access)
    peer.authorization = encode_basic_auth("ann", "geheim")
    with pytest.raises(RegistryRefusedError):
        await codec.learn(1)


@pytest.mark.parametrize(
    "schema", ['"string"', "no schema", '{"type":"record"}', '{"type":"enum","name":"E","symbols":[]}']
)
async def test_schema_that_is_no_record_is_undecodable(
    access: RegistryAccess, peer: SmallRegistry, schema: str
) -> None:
    codec = await Codec.with_registry(access)
    peer.texts.append(schema)
    with pytest.raises(UndecodableRecord, match="no Avro record"):
        await codec.learn(len(peer.texts))


def test_registry_gets_docs_and_personal_data_tags() -> None:
    assert '"PII"' in text(current()[APPLICATION_SUBMITTED])
    assert '"doc"' in text(current()[GENERIC_EVENT])
