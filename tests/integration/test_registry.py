"""Schemas in a real registry: ids are stable, other versions are read, incompatible ones are refused."""

import asyncio
import json
import shutil
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import fastavro
import pytest

from infra.local.registry import RegistryServer
from schemas import catalogue, released
from schemas.catalogue import current, parse, text
from schemas.codec import Codec, UndecodableRecord, UnknownSchemaId
from schemas.messages import TIMER_FIRED
from schemas.registry import Registry, RegistryAccess, RegistryRefusedError
from schemas.released import FIRST_ID, releases
from schemas.samples import sample
from schemas.wire import HEADER_BYTES, frame_prefix, schema_id_of
from tests.support.servers import made

pytestmark = pytest.mark.broker

TIMER = {"instance_id": "ab" * 16, "due_ms": 1}


@pytest.fixture
def access(registry: str) -> RegistryAccess:
    return RegistryAccess(registry)


async def test_every_message_is_registered_and_comes_back(access: RegistryAccess) -> None:
    codec = await Codec.with_registry(access)
    for name, schema in current().items():
        assert codec.decode(codec.encode(name, sample(schema))) == (name, sample(schema))


async def test_second_process_writes_the_same_bytes(access: RegistryAccess) -> None:
    first, second = await Codec.with_registry(access), await Codec.with_registry(access)
    assert first.encode(TIMER_FIRED, TIMER) == second.encode(TIMER_FIRED, TIMER)


async def test_ids_of_the_registry_stay_below_ours(access: RegistryAccess) -> None:
    codec = await Codec.with_registry(access)
    assert schema_id_of(codec.encode(TIMER_FIRED, TIMER)) < FIRST_ID


async def test_registry_that_lost_its_data_gives_the_same_ids_again(tmp_path: Path) -> None:
    """Whoever comes first, and with however many others: what topics hold is read as it was written."""
    server, ids = made(RegistryServer, tmp_path), []
    for _ in range(2):
        url = server.start()
        try:
            codecs = await asyncio.gather(*(Codec.with_registry(url) for _ in range(3)))
            ids.append(
                [[schema_id_of(codec.encode(name, sample(current()[name]))) for name in current()] for codec in codecs]
            )
        finally:
            server.stop()
        shutil.rmtree(server.home)
    assert ids[0] == ids[1]
    assert len({tuple(each) for each in ids[0]}) == 1


async def test_registry_that_lost_its_data_knows_earlier_releases_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under their old ids, also where a message was changed since then."""
    name = releases()[0].name
    changed = json.loads(text(current()[name]))
    changed["fields"].append({"name": "added_later", "type": "long", "default": 0})
    server, ids = made(RegistryServer, tmp_path), []
    for today in (current()[name], parse(json.dumps(changed))):
        monkeypatch.setattr(released, "current", lambda today=today: {**catalogue.current(), name: today})
        url = server.start()
        try:
            codec = await Codec.with_registry(url)
            async with Registry(RegistryAccess(url)) as registry:
                given = await registry.register_all((each.name, text(each.schema())) for each in releases())
        finally:
            server.stop()
        shutil.rmtree(server.home)
        ids.append(given)
        for id_, release in zip(given, releases(), strict=True):
            golden = bytes.fromhex(release.golden.read_text())
            assert codec.decode(frame_prefix(id_) + golden[HEADER_BYTES:])[0] == release.name
    assert ids[0] == ids[1]


async def test_registry_keeps_prose_and_tags(access: RegistryAccess) -> None:
    async with Registry(access) as registry:
        for name, schema in current().items():
            id_ = await registry.register(name, text(schema))
            assert json.loads(await registry.by_id(id_)) == json.loads(text(schema))


async def test_newer_writer_is_learnt_and_read_as_today(access: RegistryAccess) -> None:
    codec = await Codec.with_registry(access)
    newer = json.loads(text(current()[TIMER_FIRED]))
    newer["fields"].append({"name": f"added_{uuid4().hex}", "type": "long", "default": 0})
    async with Registry(access) as registry:
        id_ = await registry.register(TIMER_FIRED, json.dumps(newer))
    body = BytesIO()
    fastavro.schemaless_writer(body, parse(json.dumps(newer)), TIMER)
    raw = frame_prefix(id_) + body.getvalue()
    with pytest.raises(UnknownSchemaId) as unknown:
        codec.decode(raw)
    await codec.learn(unknown.value.schema_id)
    assert codec.decode(raw) == (TIMER_FIRED, TIMER)


async def test_id_that_is_not_there_is_refused(access: RegistryAccess) -> None:
    async with Registry(access) as registry:
        with pytest.raises(RegistryRefusedError) as caught:
            await registry.by_id(2**31 - 1)
    assert caught.value.status == 404


async def test_id_that_is_not_there_is_undecodable(access: RegistryAccess) -> None:
    codec = await Codec.with_registry(access)
    with pytest.raises(UndecodableRecord, match="is not in the registry"):
        await codec.learn(FIRST_ID - 1)


async def test_schema_that_is_no_avro_is_refused(access: RegistryAccess) -> None:
    async with Registry(access) as registry:
        with pytest.raises(RegistryRefusedError):
            await registry.register("broken.Schema", '{"type": "record"}')
