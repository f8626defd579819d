"""One run of the loop: days of calls at a site, people who know the truth but for stated errors, and what came of it.

    a day's calls ─▶ site ─▶ blind audits and calls by people ─▶ labels ─▶ monitor ─▶ suspended
      truth, days later ─▶ `exlify truth import`      `exlify models retrain`, each evening ─▶ shadow ─▶ decides

What people err in, what is killed, and when, follows from the seed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession

from models.decisions.marketing_response.data import Data
from models.serving.card import REVIEW
from models.serving.predict import Model
from models.serving.registry import Registry
from schemas.ids import instance_id
from schemas.messages import DECISION, LABEL
from streams.processors.decide import DECISIONS
from streams.processors.monitor import LABELS
from tests.acceptance.cases import ROOT
from tests.acceptance.site import ASK, Site
from tests.learning import subjects
from tests.learning.subjects import SKIP, truth

WORKFLOW = ROOT / "streams" / "workflows" / "marketing-response.yaml"
EVENT, SOURCE = "exlify.marketing.call-planned.v1", "/learning"
TEAM, AUDITORS = "call-centre", "audit"
LATE = 2  # days until the truth about what was audited comes
AT_ONCE = 16  # requests


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a run is like."""

    seed: int = 1
    every: int = 1  # of the calls: each, or each second one ...
    days: int = 26
    audit: int = 20  # per cent
    error: float = 0.02  # of people
    kills: int = 0
    labels: int = 3000
    target: float = 0.12  # of challengers; no 8 % can be proved of these calls, which drift on
    promote_after: int = 50
    foreign: bool = False


@dataclass
class Day:
    """What was seen on a day."""

    day: int
    cases: int
    version: str
    state: str
    alone: int = 0
    wrong: int = 0
    asked: int = 0  # of people: calls and audits
    off_alone: int = 0  # the first version as it was, which nobody watches
    off_wrong: int = 0
    off_asked: int = 0
    events: list[str] = field(default_factory=list)


@dataclass
class Loop:
    """A site under way."""

    site: Site
    data: Data
    size: Size
    name: str
    days: list[Day] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.site.settings.data_dir / "site"
        self.drawn = random.Random(self.size.seed)
        start = int(subjects.CERTIFY * len(self.data.bad))
        self.future = range(start, len(self.data.bad), self.size.every)
        self.kill_on = Counter(self.drawn.choices(range(self.size.days), k=self.size.kills))
        self.workflow = "marketing-response"
        self.numbers = {instance_id(self.workflow, SOURCE, f"c{number}"): number for number in self.future}
        self.answered: dict[str, str] = {}  # what people said, by the label's id
        self.late: list[tuple[int, str, int]] = []  # day, decision and call of audits whose truth is to come
        self.decided: dict[int, dict[str, Any]] = {}
        self.known = 0  # changes of what decides
        self.now: dict[str, Any] = {}

    async def run(self) -> list[Day]:
        """Everything; gives its days."""
        await self._prepare()
        self.now = (await self._history())[-1]
        first = Model.load(self.folder / "models" / self.name / "1")
        parts = [self.future[n * len(self.future) // self.size.days : (n + 1) * len(self.future) // self.size.days]
                 for n in range(self.size.days)]  # fmt: skip
        async with ClientSession(self.site.gateway, timeout=ASK) as http:
            if self.size.foreign:
                await self._post(http, "/v1/definitions", self._definition(), "application/yaml")
            for number, part in enumerate(parts):
                day = await self._day(http, number, part, first)
                self.days.append(day)
                print(json.dumps(asdict(day)), flush=True)
            await self.site.quiet()
        self._judge()
        await self._judge_sets()
        return self.days

    # --- before

    async def _prepare(self) -> None:
        trainer = subjects.foreign_trainer(self.folder) if self.size.foreign else self._trainer()
        by = subjects.learning(trainer, self.size.labels, self.size.promote_after, self.size.target)
        if self.size.foreign:
            await self.command(0, *subjects.foreign(self.folder, self.data, by))
        else:
            subjects.bundled(self.folder, by)
        block = slice(int(subjects.TRAIN * len(self.data.bad)), int(subjects.CERTIFY * len(self.data.bad)))
        rows = subjects.written(self.folder / "block.csv", self.data.requests[block], self.data.bad[block].tolist())
        model = f"{self.name}@1"
        certify = ("models", "certify", model, "--data", str(rows), "--label", "label", "--bad", "sold")
        await self.command(0, *certify, "--target", str(subjects.TARGET))
        await self.command(0, "models", "activate", model, "--audit", str(self.size.audit), "--why", "the first one")

    def _trainer(self) -> Sequence[str]:
        return (str(subjects.TRAINER), "-m", "models.decisions.marketing_response.learn")

    def _definition(self) -> str:
        text = WORKFLOW.read_text().replace("model: marketing-response", f"model: {self.name}")
        return text.replace("version: 1.1.0", "version: 1.1.1")

    # --- a day

    async def _day(self, http: ClientSession, number: int, part: range, first: Model) -> Day:
        day = Day(number, len(part), self.now["version"], self.now["state"])
        kills = self.kill_on[number]
        await asyncio.gather(*(self._kill_one(day) for _ in range(min(kills, 1))), self._calls(http, part))
        await self.site.ready()
        await self.site.until(lambda: self._seen(part), "a decision about each call")
        await self._people(http, number, day, part)
        for call in part:
            self._count(day, call, first)
        await self.site.quiet()  # labels are counted, and an alarm has been acted on
        await self._tell_late(number)
        await self._evening(day, kills > 1)
        return day

    async def _calls(self, http: ClientSession, part: range) -> None:
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with limit:
                data = {"call_id": f"c{number}", "case": self.data.requests[number]}
                headers = {"ce-id": f"c{number}", "ce-source": SOURCE, "ce-type": EVENT, "ce-specversion": "1.0"}
                await self._post(http, "/v1/events", json.dumps(data), "application/json", headers)

        await asyncio.gather(*(one(number) for number in part))

    async def _post(
        self, http: ClientSession, path: str, text: str, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Until it is taken: what is killed comes back, and the same once more counts nothing twice."""

        async def taken() -> bool:
            try:
                async with http.post(path, data=text, headers={"Content-Type": kind, **(headers or {})}) as reply:
                    assert reply.status < 500 or reply.status in (502, 503, 504), await reply.text()
                    return reply.status < 500
            except (ClientError, TimeoutError):
                return False

        await self.site.until(taken, path)

    async def _seen(self, part: range) -> bool:
        """Reads decisions; whether there is one about each call."""
        if not all(number in self.decided for number in part):
            for each in await asyncio.to_thread(self.site.decoded, DECISIONS, DECISION):
                self.decided.setdefault(self.numbers[each["instance_id"]], each)
        return all(number in self.decided for number in part)

    async def _people(self, http: ClientSession, day: int, told: Day, part: range) -> None:
        """Answers every task about the day's calls."""
        wanted = {TEAM: 0, AUDITORS: 0}
        for number in part:
            wanted[TEAM] += self.decided[number]["route"] == REVIEW
            wanted[AUDITORS] += self.decided[number]["audit"]["drawn"]
        told.asked = sum(wanted.values())
        limit = asyncio.Semaphore(AT_ONCE)
        for team, count in wanted.items():
            done: set[str] = set()

            async def answer(task: dict[str, Any], team: str = team, done: set[str] = done) -> None:
                async with limit:
                    await self._answer(http, day, task, team)
                    done.add(task["task_id"])

            async def answered(team: str = team, count: int = count, done: set[str] = done) -> bool:
                found = await self._tasks(http, team)
                await asyncio.gather(*(answer(each) for each in found if each["task_id"] not in done))
                return len(done) == count

            await self.site.until(answered, f"{count} tasks of {team}")

    async def _tasks(self, http: ClientSession, team: str) -> list[dict[str, Any]]:
        try:
            async with http.get("/v1/tasks", params={"team": team, "status": "open", "limit": "500"}) as reply:
                return (await reply.json())["tasks"] if reply.status == 200 else []
        except (ClientError, TimeoutError):
            return []

    async def _answer(self, http: ClientSession, day: int, task: dict[str, Any], team: str) -> None:
        call = self.numbers[task["instance_id"]]
        said = self.said(call)
        if team == AUDITORS:
            self.late.append((day + LATE, task["task_id"], call))
            outcome = SKIP if said == SKIP else f"not-{SKIP}"
        else:
            outcome = said
        source = "audit" if team == AUDITORS else "correction"
        self.answered[f"{source}/{task['task_id']}"] = outcome
        text = json.dumps({"outcome": outcome, "actor": f"person-{call % 7}"})
        await self._post(http, f"/v1/tasks/{task['task_id']}/complete", text, "application/json")

    def said(self, call: int) -> str:
        """What a person says of a call: the truth, but for some error."""
        errs = random.Random(f"{self.size.seed}/{call}").random() < self.size.error
        return truth(bool(self.data.bad[call]) != errs)

    def _count(self, day: Day, call: int, first: Model) -> None:
        route, bad = self.decided[call]["route"], bool(self.data.bad[call])
        day.alone += route == SKIP
        day.wrong += route == SKIP and bad
        off = first.decide(self.data.requests[call]).route
        day.off_alone += off == SKIP
        day.off_wrong += off == SKIP and bad
        day.off_asked += off != SKIP

    # --- an evening

    async def _tell_late(self, number: int) -> None:
        """Truth about audits of days ago, from a file, which may contradict what people said."""
        ripe = [each for each in self.late if each[0] <= number]
        if not ripe:
            return
        self.late = [each for each in self.late if each[0] > number]
        file = self.folder / "truth.csv"
        lines = [f"{decision},{SKIP if not self.data.bad[call] else 'not-skip'}" for _, decision, call in ripe]
        file.write_text("decision_id,label\n" + "\n".join(lines) + "\n")
        await self.command(0, "truth", "import", str(file))

    async def _evening(self, day: Day, killed: bool) -> None:
        if killed:
            day.events.append(await self._kill_learning())
        told = await self.command(0, "models", "retrain", self.name, "--json")
        day.events += [each["says"] for each in told]
        history = await self._history()
        for each in history[self.known :]:
            day.events.append(f"{each['by']}: {each['version']} {each['state']}, beside it {each['rival']}")
        self.known, self.now = len(history), history[-1]
        now = self.now
        if now["state"] == "active":
            model = Registry(self.folder / "models").get(self.name, now["version"])
            assert model.band.closed is None and model.changed(now["sha256"]) is None, f"{now}: decides unproved"

    async def _history(self) -> list[dict[str, Any]]:
        (found,) = await self.command(0, "models", "history", self.name, "--json")
        return list(found)

    async def _kill_one(self, day: Day) -> None:
        name = self.drawn.choice([each for each in self.site.names if each in ("steps", "engine", "view", "gateway")])
        await asyncio.sleep(self.drawn.uniform(0, 2))
        self.site.kill(name)
        day.events.append(f"killed {name}")

    async def _kill_learning(self) -> str:
        process = await self._begun("models", "retrain", self.name, "--json")
        after = self.drawn.uniform(0.5, 12)
        try:
            await asyncio.wait_for(process.wait(), after)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return f"killed retrain after {after:.1f} s"
        return "retrain had ended before it was killed"

    # --- in the end

    def _judge(self) -> None:
        """No label is lost or there twice, and whatever went alone did so under a certificate."""
        labels = self.site.decoded(LABELS, LABEL)
        firsts = {each["label_id"]: each for each in labels}
        missing = {*self.answered} - {*firsts}
        assert not missing, f"{len(missing)} labels are lost, as {sorted(missing)[:3]}"
        assert all(firsts[key]["label"] == said for key, said in self.answered.items())
        counted = Counter(each["decision_id"] for each in firsts.values() if each["first"])
        assert set(counted.values()) <= {1}, "a decision has two first labels"
        alone = [each for each in self.decided.values() if each["route"] == SKIP]
        assert all(each["certificate_sha256"] for each in alone), "decided alone without a certificate"

    async def _judge_sets(self) -> None:
        """Whatever was learned names its labels, and these can be had again, byte for byte, now that more have come."""
        (told,) = await self.command(0, "models", "label-sets", self.name, "--json")
        used = {model: each for each in told["sets"] for model in each["used_by"]}
        learned = [
            each.name
            for each in (self.folder / "models" / self.name).iterdir()
            if each.name.isdigit() and each.name != "1"
        ]
        assert {f"{self.name}@{version}" for version in learned} <= used.keys(), "labels that a version does not name"
        for number, each in enumerate(told["sets"]):
            file = self.folder / f"again-{number}.csv"
            await self.command(0, "models", "labels", self.name, str(file), "--of", each["version"])
            assert hashlib.sha256(file.read_bytes()).hexdigest() == each["sha256"], each["version"]

    async def watched(self) -> int:
        """How many labels the monitor has counted; each once."""
        return await self.site.sql("select coalesce(sum(labels), 0) from model_watches")

    # --- commands

    async def _begun(self, *arguments: str) -> asyncio.subprocess.Process:
        environ = {
            **os.environ, "EXLIFY_GATEWAY_URL": self.site.gateway, "EXLIFY_DATA_DIR": str(self.folder.parent),
            "EXLIFY_SITE_DIR": str(self.folder), "EXLIFY_BOOTSTRAP": self.site.settings.bootstrap,
            "EXLIFY_REGISTRY_URL": "none",
        }  # fmt: skip
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streams.cli", *arguments, cwd=ROOT, env=environ,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    async def command(self, code: int, *arguments: str) -> list[Any]:
        """What a command prints, if it is JSON, value by value."""
        process = await self._begun(*arguments)
        said, errors = await process.communicate()
        assert process.returncode == code, f"{arguments}: {errors.decode()}"
        return _values(said.decode())


def _values(text: str) -> list[Any]:
    found, decoder, place = [], json.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text) and text[place] in "[{":
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found


def made(folder: Path) -> Path:
    """The folder of a site."""
    (folder / "site").mkdir(parents=True)
    return folder
