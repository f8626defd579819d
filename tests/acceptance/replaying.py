"""Onboarding events processed anew with another threshold, and what must be reported, counted without the streams."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from aiohttp import ClientSession

from models.serving.registry import Registry
from streams import catalogue
from streams.definitions import outcome_topic
from streams.ground.past_records import PastRecord, PastRecords
from tests.acceptance.cases import ROOT, WORKFLOW, Case, Expected, expected, reviewers_word
from tests.acceptance.site import ASK, OUTSIDE, Site

TOPIC = "onboarding.event.application.v1"
DEFINITION = ROOT / "streams" / "workflows" / f"{WORKFLOW}.yaml"
BY_ROUTE = '${ .route == "approve" }'
OVER = ("completed", "cancelled", "failed")
OF_REPLAYS = "replay."  # beginning of the topics that tell of them
Json = dict[str, Any]
_Ends = dict[str, dict[int, tuple[int, int]]]


class Anew:
    """What must come of cases when the score alone decides, below a threshold of the middle."""

    def __init__(self, cases: Sequence[Case]) -> None:
        registry = Registry()
        self.first: dict[str, tuple[Case, Expected]] = {
            case.instance_id: (case, expected(case, registry)) for case in cases
        }
        scores = [each.score for _, each in self.first.values() if each.score is not None]
        self.threshold = round(statistics.median(scores), 4)

    @property
    def yaml(self) -> str:
        """The definition with the threshold in place of the model's own route."""
        text = DEFINITION.read_text()
        assert text.count(BY_ROUTE) == 1
        return text.replace(BY_ROUTE, f"${{ .score != null and .score < {self.threshold} }}").replace("1.1.0", "1.1.1")

    def outcome(self, instance_id: str) -> tuple[str, str | None]:
        """How a case ends, and where it stops if it does."""
        _, first = self.first[instance_id]
        alone = first.score is not None and first.score < self.threshold
        asked = first.route == "review"
        if alone and first.opens_account:
            return "completed", None
        if alone:
            return "unanswered", "/verifyIdentity"
        if not asked:
            return "unanswered", "/reviewApplication"
        return "completed", None

    def outcomes(self) -> Counter[str]:
        """How many end how."""
        return Counter(self.outcome(each)[0] for each in self.first)

    def reviews(self) -> Counter[tuple[str, str]]:
        """Routes of the review, before and after."""
        found: Counter[tuple[str, str]] = Counter()
        for each, (case, first) in self.first.items():
            before = reviewers_word(case.application_id) if first.route == "review" else "–"
            ended, _ = self.outcome(each)
            alone = first.score is not None and first.score < self.threshold
            after = "unanswered" if ended == "unanswered" else "–" if alone else before
            if (before, after) not in (("–", "–"), ("–", "unanswered")):
                found[before, after] += 1
        return found


async def begun(site: Site, **wish: Any) -> Json:
    """Asks the gateway for a replay."""
    async with ClientSession(site.gateway, timeout=ASK) as http, http.post("/v1/replays", json=wish) as reply:
        found: Json = await reply.json()
        assert reply.status in (200, 201, 202), found
        return found


async def refused(site: Site, wish: Json) -> Json:
    """What the gateway has against a replay."""
    async with ClientSession(site.gateway, timeout=ASK) as http, http.post("/v1/replays", json=wish) as reply:
        found: Json = await reply.json()
        return {"status": reply.status, "detail": found.get("detail", "")}


async def asked(site: Site, path: str, **query: str) -> Json:
    """What the gateway tells; nothing where there is nothing yet."""
    async with ClientSession(site.gateway, timeout=ASK) as http, http.get(path, params=query) as reply:
        found: Json = await reply.json()
        return found if reply.status == 200 else {}


async def told(site: Site, name: str, verb: str, status: str) -> Json:
    """Says how a replay goes on; gives it once it is so."""
    path, found = f"/v1/replays/{name}", {}
    async with ClientSession(site.gateway, timeout=ASK) as http, http.post(f"{path}/{verb}", json={}) as reply:
        assert reply.status in (200, 202), await reply.text()

    async def look() -> bool:
        found.update(await asked(site, path))
        return bool(found["status"] == status)

    await site.until(look, f"{name} {status}")
    return found


async def over(site: Site, name: str) -> Json:
    """The replay once it is over, and all that it has found can be seen."""
    found: Json = {}

    async def look() -> bool:
        if (await _standing(site, name)).get("status") not in OVER:
            return False
        found.update(await asked(site, f"/v1/replays/{name}"))
        return bool(found["report"]["events"] == found["replayed"])

    await site.until(look, f"replay {name} over")
    return found


async def _standing(site: Site, name: str) -> Json:
    """Where a replay is, without its report, which costs more to make."""
    listed = await asked(site, "/v1/replays")
    return next((each for each in listed.get("replays", ()) if each["name"] == name), {})


async def replayed(site: Site, name: str, number: int) -> None:
    """Returns once so many events were processed anew."""

    async def look() -> bool:
        return bool((await _standing(site, name)).get("replayed", 0) >= number)

    await site.until(look, f"{number} events of {name}")


async def results(site: Site, name: str, **query: str) -> list[Json]:
    """Every result behind a cell."""
    found: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = await asked(site, f"/v1/replays/{name}/results", limit="500", **query, **cursor)
        found += page["results"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def ledgers(site: Site) -> list[Json]:
    """What the systems outside have been asked so far."""
    return list(await asyncio.gather(*(site.ledger(system) for system in OUTSIDE)))


class Business(NamedTuple):
    """How the business stands."""

    figures: Json  # and lists, by their path
    ends: _Ends  # of its topics


async def business(site: Site) -> Business:
    """All figures, lists and topics of the business, as far as the clock alone does not change them."""
    figures: dict[str, Any] = {
        path: await asked(site, path)
        for path in (
            "/v1/status", "/v1/report", f"/v1/workflows/{WORKFLOW}/bottlenecks", "/v1/instances", "/v1/decisions",
            "/v1/tasks", "/v1/alerts",
        )
    }  # fmt: skip
    for told in figures.values():
        assert told
        told.pop("since", None)
        told.pop("until", None)
    alerts = figures["/v1/alerts"]["alerts"]
    of_business = [each for each in alerts if each["workflow"] is not None or each["instance_id"] is not None]
    figures["/v1/alerts"] = sorted((each["alert_id"], each["kind"], each["total"]) for each in of_business)
    return Business(figures, await asyncio.to_thread(_ends, site))


async def changes(site: Site, before: Business, names: Iterable[str]) -> list[str]:
    """What of the business is another now: figures, by their path, and records on its topics that tell of any of these
    names. Others come by the clock alone, as do those that forget."""
    after = await business(site)
    told = [each.encode() for each in names]
    came = await asyncio.to_thread(_came, site, before.ends, after.ends)
    new = (f"{each.topic}: {each.key!r}" for each in came if any(name in _bytes(each) for name in told))
    return [*_changes("", before.figures, after.figures), *new]


def _changes(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name in before:
            yield from _changes(f"{path}/{name}", before[name], after[name])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(f"{path}/{number}", old, new)
    elif before != after:
        yield f"{path}: {before!r} is now {after!r}"


def _came(site: Site, before: _Ends, after: _Ends) -> list[PastRecord]:
    """What was written between, but for what is forgotten."""
    with closing(PastRecords(site.settings)) as reader:
        return [
            record
            for topic, partitions in after.items()
            for number, (first, end) in partitions.items()
            for record in _between(reader, topic, number, max(first, before[topic][number][1]), end)
            if record.value is not None
        ]


def _between(reader: PastRecords, topic: str, partition: int, first: int, end: int) -> Iterator[PastRecord]:
    while first < end and (found := reader.read(topic, partition, first, end, 100_000)):
        yield from found
        first = found[-1].offset + 1


def _bytes(record: PastRecord) -> bytes:
    return b" ".join((record.key or b"", record.value or b"", *(value for _, value in record.headers)))


def _ends(site: Site) -> _Ends:
    names = sorted({each.name for each in catalogue.topics(site.settings)} | {outcome_topic(WORKFLOW).name})
    with closing(PastRecords(site.settings)) as reader:
        return {name: reader.held(name) for name in names if not name.startswith(OF_REPLAYS)}


def held(site: Site, topic: str) -> list[PastRecord]:
    """Every record of a topic."""
    with closing(PastRecords(site.settings)) as reader:
        return [
            record
            for number, (first, end) in reader.held(topic).items()
            for record in _between(reader, topic, number, first, end)
        ]


def check(report: Json, found: Sequence[Json], anew: Anew) -> None:
    """Fails where the report or a single result is not what was counted."""
    ended = {each["original_id"]: (each["after"], each["stopped_at"]) for each in found}
    assert ended.keys() == anew.first.keys()
    for instance_id, (after, stopped) in ended.items():
        wanted, where = anew.outcome(instance_id)
        assert after == wanted and (stopped or "").endswith(where or ""), (instance_id, after, stopped)
    cells = {(each["before"], each["after"]): each["events"] for each in report["outcomes"]}
    assert cells == {("completed", name): number for name, number in anew.outcomes().items()}
    routes = {
        (each["before"], each["after"]): each["events"]
        for each in report["routes"]
        if each["task"] == "reviewApplication"
    }
    assert routes == anew.reviews()
