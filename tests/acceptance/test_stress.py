"""`exlify stress` on a whole site: what it tells is what stands on the outcome topic."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientSession
from click.testing import CliRunner, Result

from streams import catalogue
from streams.cli import group
from streams.definitions import outcome_topic
from streams.processors.intake import business_topic
from tests.acceptance.site import ASK, Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
EVENTS = business_topic("business.event.generic.v1")
YAML = """
document: { dsl: 1.0.3, namespace: acceptance, name: loaded, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.loaded.v1 } } } }
do:
  - choose: { switch: [{ bad: { when: .bad, then: refuse } }, { good: { then: end } }] }
  - refuse: { raise: { error: { type: 'https://example.com/bad', title: It is bad, status: 400 } } }
"""
TYPE = {
    "type": "record", "name": "acceptance.Loaded", "ce_type": "acceptance.loaded.v1",
    "fields": [{"name": "bad", "type": "boolean"}],
}  # fmt: skip
MIX = '{"bad": false}\n{"bad": false}\n{"bad": true}\n'


async def known(site: Site, name: str = "loaded") -> bool:
    async with ClientSession(site.gateway, timeout=ASK) as http:
        found = (await (await http.get("/v1/definitions")).json())["definitions"]
        return any(each["name"] == name for each in found)


async def test_load_is_told_as_it_stands_on_the_topic(site: Site) -> None:
    await site.deploy(YAML)
    await site.until(lambda: known(site), "the definition known")

    declared: list[Result] = []  # its type, after the definition

    def run() -> Result:
        runner = CliRunner(env={**site.environ, "EXLIFY_GATEWAY_URL": site.gateway})
        with runner.isolated_filesystem():
            with open("mix.jsonl", "w") as file:
                file.write(MIX)
            Path("loaded.avsc").write_text(json.dumps(TYPE))
            declared.append(runner.invoke(group, ["events", "add", "loaded.avsc", "--json"]))
            unfit = runner.invoke(group, ["stress", "loaded", "--data", '{"bad": 1}', "--yes"])
            assert "data 1 of the mix is no acceptance.loaded.v1" in str(unfit.exception)
            options = ("--file", "mix.jsonl", "--rate", "60", "--for", "1.5", "--json")
            refused = runner.invoke(group, ["stress", "loaded", *options])
            assert "--yes" in str(refused.exception)
            return runner.invoke(group, ["stress", "loaded", *options, "--yes"])

    done = await asyncio.to_thread(run)
    assert done.exit_code == 0, done.output
    told, (own,) = json.loads(done.stdout), json.loads(declared[0].stdout)
    events = [
        record for record in site.read(EVENTS) if dict(record.headers or ()).get("ce_type") == b"acceptance.loaded.v1"
    ]
    assert {int.from_bytes((each.value or b"")[1:5]) for each in events} == {own["schema_id"]}
    outcomes = [site.codec.decode(record.value or b"")[1] for record in site.read(outcome_topic("loaded"))]
    by_instance = {each["instance_id"]: each for each in outcomes}
    assert told["sent"] == told["ended"] == len(by_instance) == 90
    assert (
        told["statuses"] == Counter(each["status"] for each in by_instance.values()) == {"completed": 60, "faulted": 30}
    )
    errors = (each["error"] for each in by_instance.values() if each["error"])
    assert told["reasons"] == Counter(each["reason"] or each["title"] for each in errors)
    assert told["repeated"] == len(outcomes) - 90 and told["open"] == 0
    assert 0 <= told["latency_ms"]["p50"] <= told["latency_ms"]["p99"] <= told["latency_ms"]["max"]
    assert told["behind"].keys() <= catalogue.PROCESSORS.keys()
    assert {step["name"] for step in told["steps"]} >= {"choose", "refuse"}
    assert {step["name"]: step["times"] for step in told["steps"]}["choose"] == 90


SHAKY = """
document: { dsl: 1.0.3, namespace: acceptance, name: shaky, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.shaky.v1 } } } }
do:
  - verify:
      call: http
      with: { method: post, endpoint: 'connection://identity/identity/verifications', body: { applicant: { id: 1 } } }
      metadata: { effect: idempotent, recovery: { retries: 50, delay: { milliseconds: 200 }, cap: { seconds: 1 } } }
"""


async def test_recovery_from_faults_is_told_as_the_system_has_seen_it(site: Site) -> None:
    await site.deploy(SHAKY)
    await site.until(lambda: known(site, "shaky"), "the definition known")
    before = await site.ledger("identity")

    def run(*more: str) -> Result:
        options = ("--data", "{}", "--rate", "30", "--for", "3", "--json", "--yes")
        runner = CliRunner(env={**site.environ, "EXLIFY_GATEWAY_URL": site.gateway})
        return runner.invoke(group, ["stress", "shaky", *options, "--control", site.sandbox["control"], *more])

    done = await asyncio.to_thread(run, "--fault", "identity=0.6")
    assert done.exit_code == 0, done.output
    told, after = json.loads(done.stdout), await site.ledger("identity")
    asked = after["requests"] - before["requests"]
    faulted = after["results"].get("faulted", 0) - before["results"].get("faulted", 0)
    (step,) = [each for each in told["steps"] if each["name"] == "verify"]
    assert (told["statuses"], step["times"], step["tries"]) == ({"completed": 90}, 90, asked)
    assert asked - 90 == faulted > 0
    recovery = told["recovery"]
    assert recovery["faults_ms"] > 900 and recovery["open_at_end"] > 0 and recovery["back_after_ms"] is not None
    assert told["limits"]["most_open"] >= recovery["open_at_end"]
    for wrong, said in (("identity=2", "SHARE"), ("nobody=1", "known systems")):
        assert said in str((await asyncio.to_thread(run, "--fault", wrong)).exception)
