"""The commands that talk to a gateway, against a real one over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.catalogue import current
from schemas.messages import CANCEL_INSTANCE, DECISION, HISTORY_ENTRY, HUMAN_TASK
from schemas.samples import sample
from streams.catalogue import FUNCTIONS
from streams.cli import group
from streams.gateway.settings import GatewaySettings
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.processors.functions import full
from streams.runtime.processor import Message
from tests.support.command_line import Cli, beside
from tests.support.data import payload
from tests.support.definitions import BUNDLED
from tests.support.desk import TASK_ID, Desk, action, command
from tests.support.gateways import NOW_S, YAML, AsyncGateway, Gateway, OwnOnes
from tests.support.histories import CODEC, ID, entry
from tests.support.stories import Story


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with AsyncGateway(Settings(data_dir=tmp_path / "gateway").with_(GatewaySettings(token="t0ken"))) as running:
        yield running


@pytest.fixture
def cli(gateway: Gateway, tmp_path: Path) -> Cli:
    return beside(gateway, tmp_path, EXLIFY_API_TOKEN="t0ken", HTTP_PROXY="http://127.0.0.1:1")


async def test_decision_is_written_as_a_page(gateway: Gateway, cli: Cli) -> None:
    asked = {"decision_id": "0/do/0/a/0/0", "held": [], "passed": []}
    gateway.see(DECISION, sample(current()[DECISION]) | asked)
    result = await cli("decisions", "page", "0/do/0/a/0/0")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("<!doctype html>") and result.stdout.endswith("</html>\n")


def show_task(gateway: Gateway, *answers: Message) -> None:
    desk = Desk()
    for task in desk.decoded(desk.deliver(command(), *answers), HUMAN_TASK):
        gateway.see(HUMAN_TASK, task)


async def test_list_shows_instances_to_people(gateway: Gateway, cli: Cli) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, "faulted", business_key="A-17"))
    result = await cli("list", "--status", "faulted")
    assert (result.exit_code, ID in result.output, "A-17" in result.output) == (0, True, True)
    assert "\x1b[" not in result.output


@pytest.mark.parametrize("arguments", [("list", "--json"), ("--json", "list")])
async def test_json_can_be_asked_for_on_either_side(gateway: Gateway, cli: Cli, arguments: tuple[str, ...]) -> None:
    gateway.see(HISTORY_ENTRY, entry(0))
    assert json.loads((await cli(*arguments)).output)["instances"][0]["instance_id"] == ID


async def test_list_tells_how_to_go_on(gateway: Gateway, cli: Cli) -> None:
    for number in range(2):
        gateway.see(HISTORY_ENTRY, entry(0, instance_id=f"{number:032x}"))
    assert "--cursor" in (await cli("list", "--limit", "1")).stderr


async def test_list_of_a_workflow_that_is_none_is_an_error(cli: Cli) -> None:
    told = await cli("list", "--workflow", "ordre")
    assert "no workflow is called ordre. Did you mean order?" in str(told.exception)
    none = await cli("list", "--workflow", "order")
    assert (none.exit_code, none.stderr) == (0, "There are none.\n")


async def test_show_tells_the_whole_story(gateway: Gateway, cli: Cli) -> None:
    gateway.see(HISTORY_ENTRY, entry(0))
    gateway.see(HISTORY_ENTRY, entry(1, "completed"))
    told = await cli("show", ID)
    assert "StepResult" in told.output and "completed" in told.output
    assert [each["seq"] for each in json.loads((await cli("show", ID, "--json")).output)["history"]] == [0, 1]


STEPS = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0, metadata: {onError: fault}}
do:
  - fetch: {call: http, with: {method: get, endpoint: '${ .address }'}, timeout: {after: {minutes: 2}}}
"""


@pytest.fixture
def story(gateway: Gateway) -> Story:
    """An instance whose step has been asked for."""
    told = Story(STEPS, ID)
    gateway.services.definitions.learn(told.definition)
    for each in told.start({"address": "http://127.0.0.1:1/a"}):
        gateway.see(HISTORY_ENTRY, each)
    return told


async def test_show_says_for_which_events_an_instance_listens(gateway: Gateway, cli: Cli) -> None:
    listening = "do:\n  - paid: {listen: {to: {one: {with: {type: order.paid.v1}}}}}\n"
    told = Story(STEPS.partition("do:")[0] + listening, ID)
    gateway.services.definitions.learn(told.definition)
    for each in told.start({}):
        gateway.see(HISTORY_ENTRY, each)
    lines = (await cli("--utc", "show", ID[:6])).output.splitlines()
    assert "waits     for order.paid.v1 at /do/0/paid, since 2026-09-21 14:13:21 UTC" in lines


async def test_show_says_what_is_waited_for_and_with_what_it_was_asked(story: Story, cli: Cli) -> None:
    lines = (await cli("--utc", "show", ID[:6])).output.splitlines()
    assert "waits     for http at /do/0/fetch, since 2026-09-21 14:13:21 UTC, until 2026-09-21 14:15:21 UTC" in lines
    assert '          http {"method": "GET", "endpoint": "http://127.0.0.1:1/a"}' in lines
    assert 'input     {"address": "http://127.0.0.1:1/a"}' in lines


async def test_reason_of_a_failure_is_told_in_full(gateway: Gateway, story: Story, cli: Cli) -> None:
    problem = {
        "type": "https://open-workflow-specification.org/spec/1.0.0/errors/configuration", "status": 400,
        "title": "A setting of the connection is missing", "detail": "connection 'kyc' has no address " + 20 * "x",
        "reason": "MISCONFIGURED", "effect": "none",
    }  # fmt: skip
    for each in story.fault("/do/0/fetch", **problem):
        gateway.see(HISTORY_ENTRY, each)
    fields = dict(line.split(None, 1) for line in (await cli("show", ID)).output.split("\n\n")[0].splitlines())
    assert fields["reason"] == "A setting of the connection is missing (MISCONFIGURED 400)"
    assert (fields["detail"], fields["where"]) == (problem["detail"], "/do/0/fetch")
    assert fields["effect"] == "the system outside was not changed"
    listed = (await cli("list", "--reason", "MISCONFIGURED", "--step", "fetch")).output
    assert "There are none" in (await cli("list", "--reason", "REFUSED", "--find", "x", "--data", "a=b")).stderr
    assert f"{problem['detail']} · at /do/0/fetch · MISCONFIGURED 400" in listed


async def test_instance_is_cancelled_as_somebody(gateway: Gateway, cli: Cli) -> None:
    gateway.see(HISTORY_ENTRY, entry(0))
    result = await cli("cancel", ID, "--reason", "withdrawn", "--as", "kim")
    ((name, sent),) = gateway.outbox.decoded()
    assert (result.exit_code, name, sent) == (
        0, CANCEL_INSTANCE, {"instance_id": ID, "reason": "withdrawn", "actor": "kim", "undo": True}
    )  # fmt: skip
    assert f"exlify show {ID}" in result.output


async def test_who_cancelled_is_shown_as_a_claim(gateway: Gateway, cli: Cli) -> None:
    cause = CODEC.encode(CANCEL_INSTANCE, {"instance_id": ID, "reason": "withdrawn", "actor": "kim"})
    gateway.see(HISTORY_ENTRY, entry(0, "cancelled", cause=cause))
    assert "after CancelInstance withdrawn, by kim (unverified)" in (await cli("show", ID)).output


async def test_who_answered_is_shown_as_a_claim(gateway: Gateway, cli: Cli) -> None:
    show_task(gateway, action(actor="kim"))
    assert "kim (unverified)" in (await cli("tasks", "show", TASK_ID)).output


async def test_ended_instance_is_not_cancelled(gateway: Gateway, cli: Cli) -> None:
    gateway.see(HISTORY_ENTRY, entry(0, "completed"))
    result = await cli("cancel", ID, "--reason", "late")
    assert "has ended: completed" in str(result.exception)
    assert gateway.outbox.records == []


async def test_unknown_instance_is_one_line(cli: Cli) -> None:
    result = await cli("show", ID)
    assert "No instance of this id" in str(result.exception)


async def test_tasks_are_listed_and_shown(gateway: Gateway, cli: Cli) -> None:
    show_task(gateway)
    assert TASK_ID in (await cli("tasks")).output
    assert json.loads((await cli("--json", "tasks", "list")).output)["tasks"][0]["task_id"] == TASK_ID
    assert "approve, decline" in (await cli("tasks", "show", TASK_ID)).output


async def test_task_is_shown_with_all_that_people_need(gateway: Gateway, cli: Cli) -> None:
    show_task(gateway, action("a1", "shrug"))
    lines = (await cli("tasks", "show", TASK_ID)).output.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("title", "status", "due"))] == [
        "Review", "open", "UTC",
    ]  # fmt: skip
    assert {"input", "form", "refused answers"} <= set(lines)
    assert '    "reason": "UNKNOWN_OUTCOME",' in lines


@pytest.mark.parametrize(
    ("options", "found"), [((), 1), (("--team", "other"), 0), (("--key", "A-17"), 1), (("--status", "completed"), 0)]
)
async def test_tasks_are_found_by_what_they_are(
    gateway: Gateway, cli: Cli, options: tuple[str, ...], found: int
) -> None:
    show_task(gateway)
    assert len(json.loads((await cli("tasks", "list", "--json", *options)).output)["tasks"]) == found


async def test_task_is_completed_as_somebody(gateway: Gateway, cli: Cli) -> None:
    show_task(gateway)
    result = await cli("tasks", "complete", TASK_ID, "--outcome", "approve", "--data", '{"note":"ok"}', "--as", "kim")
    ((_, sent),) = gateway.outbox.decoded()
    assert (result.exit_code, sent["actor"], sent["data"]) == (0, "kim", payload({"note": "ok"}))
    assert sent["outcome"] == action().data["outcome"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("claim", TASK_ID, "--until", "2999-01-01T00:00:00Z"), ("claim", 32_472_144_000_000)),
        (("claim", TASK_ID), ("claim", NOW_S * 1_000 + 1_800_000)),
        (("release", TASK_ID), ("release", None)),
        (("put-aside", TASK_ID), ("put_aside", None)),
        (("undo", TASK_ID), ("undo", None)),
        (("comment", TASK_ID, "seen"), ("comment", None)),
    ],
)
async def test_task_is_worked_on_by_somebody(gateway: Gateway, cli: Cli, options: tuple[str, ...], said: Any) -> None:
    show_task(gateway)
    result = await cli("tasks", *options, "--as", "kim")
    ((_, sent),) = gateway.outbox.decoded()
    assert (result.exit_code, sent["actor"], (sent["action"], sent["until_ms"])) == (0, "kim", said)
    assert "taken note of" in result.output


@pytest.mark.parametrize("data", ["{", "@/no/such/file", "NaN", "[" * 300 + "]" * 300, "1" * 30, r'"\ud800"'])
async def test_unfit_answer_data_is_refused_here(gateway: Gateway, cli: Cli, data: str) -> None:
    result = await cli("tasks", "complete", TASK_ID, "--outcome", "approve", "--data", data)
    assert "--data" in str(result.exception)
    assert gateway.outbox.records == []


async def test_deploy_tells_faults_by_file_and_line(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    file.write_text(YAML.replace("note:", "note: {sett: 1}\n  - more:"))
    result = await cli("deploy", str(file))
    assert (result.exit_code, f"{file}:6:" in result.stderr, "Remedy" in result.stderr) == (2, True, True)


async def test_deploy_names_the_version(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def provision(*_: Any) -> None:
        """There is no broker to make topics on."""

    monkeypatch.setattr("streams.definitions.deploy.provision", provision)
    file = tmp_path / "order.yaml"
    file.write_text(YAML.replace("1.0.0", "2.0.0"))
    told = (await cli("deploy", str(file))).output
    assert "deployed order 2.0.0" in told and "new instances start on it, and no more on 1.0.0" in told


async def test_deploying_other_content_under_one_version_wants_a_word(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def provision(*_: Any) -> None: ...

    monkeypatch.setattr("streams.definitions.deploy.provision", provision)
    file = tmp_path / "order.yaml"
    file.write_text(YAML.replace("seen: true", "seen: false"))
    refused = await cli("deploy", str(file))
    assert (refused.exit_code, "order 1.0.0 is deployed with other content" in refused.stderr) == (2, True)
    assert "--replace" in refused.stderr
    assert "deployed order 1.0.0" in (await cli("deploy", "--replace", str(file))).output


async def test_wrong_token_is_told(gateway: Gateway, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    result = await asyncio.to_thread(
        CliRunner(env={"EXLIFY_GATEWAY_URL": str(gateway.client.make_url("")), "EXLIFY_API_TOKEN": "no"}).invoke,
        group,
        ["list"],
    )
    assert "EXLIFY_API_TOKEN" in str(result.exception)


def test_functions_are_listed_with_who_carries_them_out() -> None:
    result = CliRunner().invoke(group, ["functions"])
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert set(FUNCTIONS) <= lines.keys()
    assert lines["decide"].split()[:3] == ["decide", "read", "decide"]


async def test_functions_of_the_system_are_listed_hosted_or_not(gateway: Gateway, cli: Cli) -> None:
    letter = next(each for each in BUNDLED if each.name == "onboarding.letter")
    assert isinstance(gateway.services.own, OwnOnes)
    gateway.services.own.functions[letter.name] = letter.function
    lines = {line.split()[0]: line.split() for line in (await cli("functions")).output.splitlines()}
    assert (lines["http"][:4], lines[letter.name][:4]) == (
        ["http", "varies", "call", "yes"], [letter.name, "read", letter.name, "no"],
    )  # fmt: skip
    shown = (await cli("functions", letter.name)).output
    assert "given_name" in shown
    assert "hosted" in shown


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_shown_with_every_argument(name: str) -> None:
    result = CliRunner().invoke(group, ["functions", name])
    shown = {line.split()[0] for line in result.output.splitlines() if line}
    assert {each.name for each in FUNCTIONS[name].arguments} <= shown
    assert f"with: {FUNCTIONS[name].example}" in result.output


def test_function_is_the_same_for_machines_everywhere() -> None:
    shown = json.loads(CliRunner().invoke(group, ["functions", "human", "--json"]).output)
    assert shown == full(FUNCTIONS["human"])
    assert next(each for each in shown["arguments"] if each["name"] == "due")["kind"] == "duration"


def test_unknown_function_is_told_with_those_there_are() -> None:
    assert "There are: " in str(CliRunner().invoke(group, ["functions", "teleport"]).exception)


def test_missing_gateway_is_told_with_the_remedy(tmp_path: Path) -> None:
    away = {"EXLIFY_GATEWAY_URL": "http://127.0.0.1:1", "EXLIFY_DATA_DIR": str(tmp_path)}
    result = CliRunner(env=away).invoke(group, ["list"])
    assert isinstance(result.exception, UnavailableError) and "exlify up" in str(result.exception)


@pytest.mark.parametrize(
    "command", [["list"], ["publish", "t", "--data", "1"], ["outcomes", "w"], ["topics"], ["gateway"]]
)
def test_nothing_running_is_told_with_the_remedy(tmp_path: Path, command: list[str]) -> None:
    result = CliRunner(env={"EXLIFY_DATA_DIR": str(tmp_path)}).invoke(group, command)
    assert str(result.exception) == f"no running Exlify found in {tmp_path}: start it with `exlify up`"


@pytest.mark.parametrize("arguments", [[], ["--data", "1", "--file", "-"], ["--file", "-", "--id", "x"]])
def test_publish_wants_one_kind_of_data(tmp_path: Path, arguments: list[str]) -> None:
    result = CliRunner(env={"EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_REGISTRY_URL": "none"}).invoke(
        group, ["publish", "t", *arguments], input=""
    )
    assert "publish:" in str(result.exception)


@pytest.mark.parametrize(
    ("options", "line", "told"),
    [
        ([], "{", "-:2: no JSON"),
        (["--id-from", "/id"], '{"x": 1}', "-:2: there is no text or number at /id"),
        (["--source", "not a uri"], "1", "source"),
        ([], "NaN", "-:2: no JSON"),
        ([], '{"a": 1e400}', "-:2: data cannot be taken: a number is too large"),
        ([], "1" * 30, "-:2: data cannot be taken: a whole number has more than 64 bits"),
        ([], "[" * 300 + "]" * 300, "-:2: data cannot be taken: nested deeper than 200 levels"),
        ([], "[" * 90_000, "-:2: data cannot be taken: nested deeper than 200 levels"),
        ([], r'"\ud800"', "-:2: no JSON"),
    ],
)
def test_unfit_line_is_told_by_its_number(options: list[str], line: str, told: str) -> None:
    result = CliRunner(env={"EXLIFY_BOOTSTRAP": "127.0.0.1:1", "EXLIFY_REGISTRY_URL": "none"}).invoke(
        group, ["publish", "com.example.x.v1", "--file", "-", *options], input=f'{{"id": "a"}}\n{line}\n'
    )
    assert told in str(result.exception).replace("<stdin>", "-")
    assert "(0 events before were published)" in str(result.exception)
