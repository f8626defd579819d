"""What the pages say, and what they do."""

from __future__ import annotations

import getpass

import pytest

from schemas.catalogue import current
from schemas.messages import CANCEL_INSTANCE, HISTORY_ENTRY, LABEL_SET, MODEL_WATCH
from schemas.samples import sample
from streams.console import queries
from tests.support.clocked import Clocked
from tests.support.consoles import INSTANCE, NOW_MS, Console, Processor, cancelling, change, payload, result
from tests.support.stories import Story

TASK = f"/inbox/{INSTANCE}/do/1/review/0/0"
PROBLEM = {
    "type": "urn:x", "title": "The system failed", "status": 500, "detail": "it answered 500", "instance": "/do/0/pay",
    "reason": "REMOTE_FAULT", "effect": "unknown",
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>\"'>\x1b[31m\u202e\r\n<b>&amp;"


async def test_first_page_leads_to_what_runs(console: Console) -> None:
    assert "Nothing has happened yet" in (await console.get("/"))[1]
    console.began()
    status, page = await console.get("/")
    assert status == 200 and 'href="/workflows/' in page


async def test_overview_counts_what_stands_and_what_changed(console: Console) -> None:
    console.began()
    console.asked(due_ms=NOW_MS - 1)
    console.began(instance_id="cd" * 16, business_key="B-1", at_ms=NOW_MS - 30 * 3_600_000)
    data = await console.data("/")
    assert (data["running"], data["begun"], data["begun_before"], data["tasks_overdue"]) == (2, 1, 1, 1)
    _, page = await console.get("/")
    assert "1 task is overdue" in page and 'class="pill waiting">1<' in page


async def test_workflow_shows_where_its_instances_stand_and_where_time_goes(console: Console) -> None:
    (deployed,) = console.gateway.services.definitions.deployed()
    of = {"workflow": deployed.name, "digest": deployed.digest, "version": deployed.version}
    pointer = "/do/0/note"
    console.began(**of)
    console.entered(1, "waiting", result(pointer, 1), [change("task.started", pointer)], **of)
    console.began(instance_id="cd" * 16, **of)
    wrong = [change("task.faulted", pointer, data=payload(PROBLEM)), change("workflow.faulted", data=payload(PROBLEM))]
    console.entered(1, "faulted", result(pointer, 1), wrong, instance_id="cd" * 16, **of)
    data = await console.data(f"/workflows/{deployed.name}")
    assert data["counts"] == {pointer: {"running": 1, "faulted": 1}}
    assert data["failures"] == [{"step": "Note", "title": "The system failed", "count": 1}]
    _, page = await console.get(f"/workflows/{deployed.name}")
    assert page.count('class="count s-faulted"') == 2 and f"workflow={deployed.name}&amp;status=faulted" in page
    assert (
        deployed.name in (await console.get("/workflows"))[1]
        and deployed.name in (await console.get("/definitions"))[1]
    )
    assert (await console.get("/workflows/other"))[0] == 404


async def test_workflow_shows_what_its_time_goes_to_and_which_share(console: Console) -> None:
    story = Clocked("""
document: {dsl: 1.0.3, namespace: test, name: claim, version: 1.0.0}
do:
  - fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}
  - ask: {call: human, with: {team: risk, title: Look at it, outcomes: [approve, decline]}}
""")
    console.gateway.services.definitions.learn(story.definition)
    story.at(0).start({})
    story.at(10).result("/do/0/fetch", {})
    story.at(40).result("/do/1/ask", {})
    for entry in story.entries:
        console.gateway.see(HISTORY_ENTRY, entry)
    data = await console.data("/workflows/claim")
    told = [(step["title"], step["share"], step["goes_to"], step["median_ms"]) for step in data["times"]]
    assert told == [("Ask", 0.75, ["people"], 30_000), ("Fetch", 0.25, ["systems"], 10_000)]
    assert data["by"] == {"people": 30_000, "systems": 10_000}
    _, page = await console.get("/workflows/claim")
    assert "75.0 %" in page and page.count(">75%<") == 2  # on the diagram, in both widths


async def test_model_shows_its_routes_and_what_people_answered(console: Console) -> None:
    console.decided(at_ms=NOW_MS - 1000, decision_id=f"{INSTANCE}/do/0/assess/0/0")
    console.asked(status="completed", outcome="decline", version=2)
    assert (await console.data("/decisions"))["models"] == [
        {"model": "credit-risk", "version": "1", "routes": {"review": 1}}
    ]
    data = await console.data("/decisions/credit-risk")
    assert (data["answers"], data["scores"], data["decisions"][0]["score"]) == ({"decline": 1}, 1, 0.4)
    assert f'href="/instances/{INSTANCE}"' in (await console.get("/decisions/credit-risk"))[1]


async def test_model_says_how_often_it_was_wrong(console: Console) -> None:
    assert "How often it is wrong" not in (await console.get("/decisions/credit-risk"))[1]
    usual = sample(current()[MODEL_WATCH]) | {"target": 0.05, "audits": 200, "alarmed_ms": None, "at_ms": NOW_MS}
    for model, wrong in (("credit-risk", 5), ("other", 9)):
        console.gateway.see(MODEL_WATCH, usual | {"watch_id": model, "model": model, "wrong": wrong})
    (told,) = (await console.data("/decisions/credit-risk"))["audits"]
    assert (told["wrong"], told["error_rate"], told["target"]) == (5, 0.025, 0.05)
    assert "2.5 %" in (await console.get("/decisions/credit-risk"))[1]


async def test_model_shows_the_versions_of_its_labels(console: Console) -> None:
    console.decided(at_ms=NOW_MS - 1000, decision_id=f"{INSTANCE}/do/0/assess/0/0")
    assert "Versions of its labels" not in (await console.get("/decisions/credit-risk"))[1]
    for number in (1, 2):
        taken = {
            "set_id": f"credit-risk/{number}",
            "version": f"{number}",
            "at_ms": NOW_MS + number,
            "rows": 40 * number,
        }
        told = {"model": "credit-risk", "sources": {"audit": 3, "import": 4}, "taken_for": "learning"}
        console.gateway.see(LABEL_SET, sample(current()[LABEL_SET]) | taken | told)
    data = await console.data("/decisions/credit-risk")
    assert [(each["version"], each["rows"]) for each in data["sets"]] == [("2", 80), ("1", 40)]
    assert "audit 3, import 4" in (await console.get("/decisions/credit-risk"))[1]
    assert (await console.data("/decisions/other"))["sets"] == []


async def test_model_leads_to_its_card_and_certificate(console: Console) -> None:
    console.decided(at_ms=NOW_MS - 1000, decision_id=f"{INSTANCE}/do/0/assess/0/0", model_version="2")
    assert 'href="/decisions/credit-risk/2"' in (await console.get("/decisions/credit-risk"))[1]
    async with console.gateway.client.get("/decisions/credit-risk/2") as response:
        assert response.status == 200 and "How it was tested" in await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    for other in ("credit-risk/99", "..%2F..%2Fetc/2", "credit-risk/..%2F2"):
        assert (await console.get(f"/decisions/{other}"))[0] == 404


async def test_decision_is_a_page_of_its_own_that_others_lead_to(console: Console) -> None:
    one = f"{INSTANCE}/do/0/assess/0/0"
    console.began()
    console.decided(at_ms=NOW_MS - 1000, decision_id=one, model_version="2", reference="typical/1", held=[], passed=[])
    for page in ("/decisions/credit-risk", f"/instances/{INSTANCE}"):
        assert f'href="/decision/{one}"' in (await console.get(page))[1], page
    async with console.gateway.client.get(f"/decision/{one}") as response:
        text = await response.text()
        assert response.status == 200 and text.count("<svg") == 2 and "radio or television" in text
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    for other in (f"{INSTANCE}/do/9", "..%2F..%2Fetc"):
        assert (await console.get(f"/decision/{other}"))[0] == 404


@pytest.mark.parametrize("text", ["A-17", "A-1", INSTANCE, INSTANCE[:8]])
async def test_search_jumps_to_the_only_hit(console: Console, text: str) -> None:
    console.began()
    async with console.gateway.client.get(f"/find?q={text}", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, f"/instances/{INSTANCE}")


async def test_search_says_what_was_searched_where_nothing_is_found(console: Console) -> None:
    console.began()
    assert "how business keys begin" in (await console.get("/find?q=%3Cnothing%3E"))[1]
    console.began(instance_id="cd" * 16)
    assert "2 hits" in (await console.get("/find?q=A-17"))[1]


@pytest.mark.parametrize("text", ["order-desk", "Orders%20of%20today", "of%20TODAY"])
async def test_workflow_is_found_by_its_name_and_by_what_people_call_it(console: Console, text: str) -> None:
    yaml = TOLD.replace("name: told,", "name: order-desk, title: Orders of today,")
    console.gateway.services.definitions.learn(Story(yaml).definition)
    async with console.gateway.client.get(f"/find?q={text}", allow_redirects=False) as response:
        assert (response.status, response.headers.get("Location")) == (303, "/workflows/order-desk")


async def test_instances_are_narrowed_and_the_address_says_how(console: Console) -> None:
    console.began()
    _, page = await console.get("/instances?status=running&key=A-1&age=24h")
    assert "A-17" in page and '<option value="running" selected>' in page
    _, other = await console.get("/instances?status=faulted")
    assert "A-17" not in other and "No instance is like that" in other


async def test_long_list_has_pages(console: Console) -> None:
    for number in range(51):
        console.began(instance_id=f"{number:032x}", business_key=f"K-{number}", at_ms=NOW_MS - 1000 + number)
    first = await console.data("/instances")
    second = await console.data(first["next"])
    keys = [each["business_key"] for each in first["instances"] + second["instances"]]
    assert keys == [f"K-{number}" for number in reversed(range(51))] and second["next"] is None


@pytest.mark.parametrize("query", ["status=running", "workflow=order", "status=running&workflow=order", "key=K"])
async def test_narrowed_list_has_pages_in_order(console: Console, query: str) -> None:
    """Whichever index it is read by."""
    statuses = ("running", "waiting", "faulted")
    expected = []
    for number in range(160):
        workflow, status = ("order", "other")[number % 2], statuses[number % 3]
        console.began(instance_id=f"{number:032x}", business_key=f"K-{number}", at_ms=NOW_MS - number // 4,
                      workflow=workflow, status=status)  # fmt: skip
        if ("status" not in query or status == "running") and ("workflow" not in query or workflow == "order"):
            expected.append(f"{number:032x}")
    found, path = [], f"/instances?{query}"
    while path:
        data = await console.data(path)
        found += [(-each["started_at_ms"], each["instance_id"]) for each in data["instances"]]
        path = data["next"]
    assert sorted(name for _, name in found) == sorted(expected) and len(set(found)) == len(found)
    assert [at for at, _ in found] == sorted(at for at, _ in found)


async def test_instance_that_waits_says_for_whom_and_why(console: Console) -> None:
    console.began()
    console.entered(1, "waiting", result("/do/0/assess", {"a": 1}), [change("task.started", "/do/1/review")])
    console.asked()
    console.decided()
    _, page = await console.get(f"/instances/{INSTANCE}")
    assert "for the team credit: Review it (due in 1 h)" in page or "“Review” (a step) has been at work" in page
    assert "The score 0.400 is not below 0.250" in page and "purpose of the credit" in page and f'href="{TASK}"' in page


async def test_failed_instance_says_where_and_whether_anything_was_done(console: Console) -> None:
    console.began()
    failed = [
        change("task.started", "/do/0/pay"),
        change("task.faulted", "/do/0/pay", data=payload(PROBLEM)),
        change("workflow.faulted", data=payload(PROBLEM)),
    ]
    console.entered(1, "faulted", result("/do/0/pay", None), failed)
    _, page = await console.get(f"/instances/{INSTANCE}")
    assert "Failed at “Pay”: the system failed. Nobody here can tell" in page and "it answered 500" in page


async def test_cancelled_instance_says_by_whom(console: Console) -> None:
    console.began()
    console.entered(1, "cancelled", cancelling("kim", "withdrawn"), [change("workflow.cancelled")])
    _, page = await console.get(f"/instances/{INSTANCE}")
    assert "Was cancelled by kim: withdrawn." in page and "Cancel…" not in page


async def test_instance_that_is_not_there_yet_is_looked_for_again(console: Console) -> None:
    async with console.gateway.client.get(f"/instances/{INSTANCE}") as response:
        assert (response.status, response.headers["Refresh"]) == (404, f"2; url=/instances/{INSTANCE}?try=1")
    async with console.gateway.client.get(f"/instances/{INSTANCE}?try=15") as response:
        assert response.status == 404 and "Refresh" not in response.headers


async def test_instance_is_cancelled_by_who_is_there(console: Console) -> None:
    console.began()
    _, page = await console.get(f"/instances/{INSTANCE}?ask=cancel")
    status, onward, _ = await console.send(f"/instances/{INSTANCE}/cancel", page, {"reason": "withdrawn"})
    ((name, wish),) = console.gateway.outbox.decoded()
    assert (status, onward) == (303, f"/instances/{INSTANCE}?sent=cancel")
    assert (name, wish["reason"]) == (CANCEL_INSTANCE, "withdrawn") and wish["actor"]


async def test_every_page_is_data_too(console: Console) -> None:
    console.began()
    console.asked()
    console.decided()
    assert (await console.data(f"/instances/{INSTANCE}"))["instance"]["business_key"] == "A-17"
    assert (await console.data("/inbox"))["task"]["input"] == {"score": 0.4}
    assert (await console.data(f"/inbox/{INSTANCE}/do/1/review/0/0"))["decision"]["score"] == 0.4


async def test_reviewer_sees_what_a_reason_is_compared_with(console: Console) -> None:
    console.asked()
    console.decided(model_version="2", input=payload({"purpose": "A40", "duration_months": 48}))
    (reason, _) = (await console.data(f"/inbox/{INSTANCE}/do/1/review/0/0"))["decision"]["reasons"]
    assert reason["label"] and reason["value"] and reason["usual"] and reason["value"] != reason["usual"]
    _, page = await console.get(f"/inbox/{INSTANCE}/do/1/review/0/0")
    assert f"{reason['value']} (compared with {reason['usual']})" in page


async def test_who_looks_blindly_does_not_see_what_the_model_said(console: Console) -> None:
    console.asked(audit=True)
    console.decided()
    assert (await console.data(f"/inbox/{INSTANCE}/do/1/review/0/0"))["decision"] is None


async def test_a_comment_on_a_task_is_shown_as_text(console: Console) -> None:
    processor = Processor(console, console.asked(assignee="bo", assigned_until_ms=NOW_MS + 1))
    _, page = await console.get(TASK)
    noted = {"act": "comment", "text": "<b>the bank</b>"}
    status, onward, _ = await processor.during(console.send(TASK, page, noted))
    assert (status, onward) == (303, TASK)
    _, page = await console.get(TASK)
    assert "&lt;b&gt;the bank&lt;/b&gt;" in page and "<b>the bank</b>" not in page
    assert (await console.send(TASK, page, noted | {"text": " "}))[0] == 422


async def test_a_task_is_given_to_a_colleague(console: Console) -> None:
    processor = Processor(console, console.asked())
    _, page = await console.get(TASK)
    status, _, _ = await processor.during(console.send(TASK, page, {"act": "delegate", "to": "bo"}))
    assert status == 303
    _, page = await console.get(TASK)
    assert "<b>bo</b> has claimed this task" in page
    assert (await console.send(TASK, page, {"act": "delegate", "to": " "}))[0] == 422


async def test_next_task_is_one_that_nobody_else_keeps_and_what_was_put_aside_comes_last(console: Console) -> None:
    ids = [f"{letter}/do/0/a/0/0" for letter in "bcd"]
    console.asked(task_id=ids[0], title="Bo has it", due_ms=NOW_MS + 1, assignee="bo", assigned_until_ms=NOW_MS + 1)
    console.asked(task_id=ids[1], title="Aside", due_ms=NOW_MS - 9, aside_until_ms=NOW_MS + 60_000)
    console.asked(task_id=ids[2], title="Free", due_ms=NOW_MS + 2, assignee="bo", assigned_until_ms=NOW_MS)
    data = await console.data("/inbox")
    assert [task["title"] for task in data["tasks"]] == ["Bo has it", "Free", "Aside"]
    assert (data["task"]["title"], [task["holder"] for task in data["tasks"]]) == ("Free", ["bo", None, None])
    assert "You can answer when bo lets go of it" in (await console.get(f"/inbox/{ids[0]}"))[1]


async def test_next_task_is_one_that_was_given_to_who_asks_and_the_list_says_for_whom_others_are(
    console: Console,
) -> None:
    me = getpass.getuser()
    for number, given_to in enumerate(["kim", None, me]):
        console.asked(task_id=f"{number}/do/0/a/0/0", title=f"Task {number}", due_ms=NOW_MS + number, given_to=given_to)
    data = await console.data("/inbox")
    assert [task["given_to"] for task in data["tasks"]] == ["kim", None, me]
    assert data["task"]["title"] == "Task 2"
    assert "for kim" in (await console.get("/inbox"))[1]


async def test_lists_of_tasks_follow_each_other_page_by_page(console: Console) -> None:
    for number in range(7):
        due = {"due_ms": NOW_MS + number} if number < 3 else {"due_ms": None}
        aside = {"aside_until_ms": NOW_MS + number} if number > 4 else {}
        console.asked(task_id=f"{number}/do/0/a/0/0", created_at_ms=NOW_MS + number, **due, **aside)
    reader = console.gateway.services.reader
    for limit in range(1, 9):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = queries.tasks(reader, "", NOW_MS, limit=limit, cursor=cursor or None)
            found += [row["task_id"][0] for row in page.rows]
            cursor = page.next
        assert found == list("0123456"), limit


async def test_most_urgent_task_comes_first_and_is_shown(console: Console) -> None:
    console.asked(task_id="b/do/0/a/0/0", title="Never due", due_ms=None, created_at_ms=NOW_MS - 90_000)
    console.asked(task_id="c/do/0/a/0/0", title="Due later", due_ms=NOW_MS + 9_000_000)
    console.asked(title="Overdue", due_ms=NOW_MS - 120_000)
    data = await console.data("/inbox")
    assert [task["title"] for task in data["tasks"]] == ["Overdue", "Due later", "Never due"]
    _, page = await console.get("/inbox")
    assert "overdue by 2 min" in page and 'value="approve" data-key="a"' in page
    assert "checked" not in page and "selected" not in page  # nothing is decided beforehand


@pytest.mark.parametrize("due", [0, 49, 50, 51, 60])
async def test_every_task_is_on_a_page_once(console: Console, due: int) -> None:
    for number in range(60):
        console.asked(task_id=f"t{number:02}", due_ms=NOW_MS + number if number < due else None)
    first = await console.data("/inbox")
    second = await console.data(first["next"])
    found = [task["task_id"] for task in first["tasks"] + second["tasks"]]
    assert found == [f"t{number:02}" for number in range(60)] and second["next"] is None


async def test_answer_is_taken_and_the_next_task_is_there(console: Console) -> None:
    processor = Processor(console, console.asked())
    console.asked(task_id="b/do/0/a/0/0", title="Second")
    _, page = await console.get(TASK)
    status, onward, _ = await processor.during(console.send(TASK, page, {"outcome": "approve", "data/note": "fine"}))
    ((_, action),) = console.gateway.outbox.decoded()
    assert (status, action["outcome"], action["data"].value(), action["expected_version"]) == (
        303,
        "approve",
        {"note": "fine"},
        1,
    )
    _, following = await console.get(onward)
    assert "answered <b>approve</b>" in following and "Second" in following


async def test_second_answer_is_told_what_happened_meanwhile(console: Console) -> None:
    processor = Processor(console, console.asked())
    _, page = await console.get(TASK)
    await processor.during(console.send(TASK, page, {"outcome": "decline"}))
    _, other_page = await console.get("/inbox")
    sent = {"outcome": "approve", "action_id": "another", "version": "1", "form_token": _token(page)}
    status, _, answer = await processor.during(console.send(TASK, other_page, sent))
    assert status == 409 and "Not taken" in answer and "answered decline" in answer


async def test_same_form_sent_twice_counts_once(console: Console) -> None:
    processor = Processor(console, console.asked())
    _, page = await console.get(TASK)
    for _ in range(2):
        status, _, _ = await processor.during(console.send(TASK, page, {"outcome": "approve"}))
        assert status == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outcome": "approve", "data/note": "too long"}, "does not follow the form"),
        ({"outcome": "explode"}, "Choose one of approve, decline"),
        ({}, "Choose one of approve, decline"),
    ],
)
async def test_answer_that_does_not_fit_comes_back_filled_in(
    console: Console, fields: dict[str, str], said: str
) -> None:
    console.asked()
    _, page = await console.get(TASK)
    status, _, answer = await console.send(TASK, page, fields)
    assert status == 422 and said in answer and fields.get("data/note", "") in answer
    assert console.gateway.outbox.records == []


async def test_hostile_texts_stay_texts(console: Console) -> None:
    """In every field that somebody outside can fill."""
    console.began(business_key=HOSTILE, workflow=HOSTILE, version=HOSTILE)
    wrong = payload(PROBLEM | dict.fromkeys(("title", "detail", "reason"), HOSTILE))
    changes = [change("task.started", f"/do/0/{HOSTILE}"), change("task.faulted", f"/do/0/{HOSTILE}", data=wrong)]
    console.entered(1, "waiting", result("/x", {HOSTILE: HOSTILE}), changes)
    console.asked(
        title=HOSTILE, team=HOSTILE, workflow=HOSTILE, business_key=HOSTILE, outcomes=[HOSTILE, "b"],
        input=payload({HOSTILE: HOSTILE}),
        form=payload({"type": "object", "properties": {HOSTILE: {"type": "string", "enum": [HOSTILE], "title": HOSTILE,
                      "description": HOSTILE, "default": HOSTILE}, "b": {"type": "string", "default": HOSTILE}}}),
    )  # fmt: skip
    console.decided(model=HOSTILE, model_version=HOSTILE, route=HOSTILE, reference=HOSTILE,
                    reasons=[{"group": HOSTILE, "contribution": 0.1, "text_id": None}])  # fmt: skip
    for path in (
        f"/instances/{INSTANCE}",
        "/instances",
        "/inbox",
        TASK,
        "/instances?key=%3Cscript%3E&workflow=%22%3E",
        "/",
        "/decisions",
        "/find?q=%3Cscript%3Ea",
        "/workflows",
    ):
        status, page = await console.get(path)
        assert status == 200 and "<script>a" not in page and "<b>&amp;" not in page
        assert not {"\x1b", "\u202e", "\r"} & set(page)
    console.entered(2, "cancelled", cancelling(HOSTILE, HOSTILE), [change("workflow.cancelled")])
    assert "<script>a" not in (await console.get(f"/instances/{INSTANCE}"))[1]


async def test_what_is_not_there_is_told_as_a_page(console: Console) -> None:
    assert "There is no such page" in (await console.get("/nothing/here"))[1]
    async with console.gateway.client.get("/nothing", headers={"Accept": "application/json"}) as response:
        assert (response.status, response.content_type) == (404, "application/problem+json")
    async with console.gateway.client.get("/v1/events", headers={"Accept": "text/html"}) as response:
        assert response.status == 405


def _token(page: str) -> str:
    return page.partition('name="form_token" value="')[2].partition('"')[0]


TOLD = """
document: {dsl: 1.0.3, namespace: test, name: told, version: 1.0.0}
do:
  - both:
      fork:
        branches:
          - pause: {wait: {hours: 1}}
          - fetch:
              call: http
              with: {method: get, endpoint: '${ .address }'}
              timeout: {after: PT2M}
          - news: {listen: {to: {one: {with: {type: com.example.news}}}}}
"""
EACH = """
document: {dsl: 1.0.3, namespace: test, name: each, version: 1.0.0}
do:
  - news:
      listen: {to: {any: [{with: {type: com.example.news}}], until: false}}
      foreach: {do: [{fetch: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:1/a'}}}]}
"""


async def test_steps_tell_what_they_were_asked_with_and_until_when_they_wait(console: Console) -> None:
    """A history that the engine has made."""
    told = Story(TOLD)
    console.gateway.services.definitions.learn(told.definition)
    for entry in told.start({"address": "http://127.0.0.1:1/a"}):
        console.gateway.see(HISTORY_ENTRY, entry)
    data = await console.data(f"/instances/{told.instance_id}")
    steps = {each["step"]["name"]: each["step"] for each in data["steps"]}
    assert steps["fetch"]["asked"] == {"method": "GET", "endpoint": "http://127.0.0.1:1/a"}
    assert steps["pause"]["until_ms"] - steps["pause"]["started_ms"] == 3_600_000
    assert "“Pause” has been letting time pass" in data["story"] and "“Fetch” (http) has been at work" in data["story"]
    assert "“News” has been waiting" in data["story"] and "for an event" in data["story"]
    _, page = await console.get(f"/instances/{told.instance_id}")
    assert "Asked with" in page and "s-waiting" in page and "s-running" in page


async def test_listening_with_tasks_for_each_event_waits_until_one_comes(console: Console) -> None:
    told = Story(EACH)
    console.gateway.services.definitions.learn(told.definition)
    entries = told.start({})
    for entry in entries:
        console.gateway.see(HISTORY_ENTRY, entry)
    data = await console.data(f"/instances/{told.instance_id}")
    assert "“News” has been waiting" in data["story"] and "for an event" in data["story"]
    assert data["working_ms"] == 0
    assert "s-waiting" in (await console.get(f"/instances/{told.instance_id}"))[1]
    assert (await console.data("/workflows/each"))["counts"] == {"/do/0/news": {"waiting": 1}}
    fetch = "/do/0/news/foreach/do/0/fetch"
    began = {"seq": 1, "transitions": [change("task.started", fetch)]}
    console.gateway.see(HISTORY_ENTRY, entries[-1] | began)
    story = (await console.data(f"/instances/{told.instance_id}"))["story"]
    assert story.startswith("“Fetch” (http) has been at work") and "News" not in story
    assert (await console.data("/workflows/each"))["counts"] == {fetch: {"running": 1}}


async def test_failed_history_of_the_engine_names_its_step(console: Console) -> None:
    told = Story(TOLD.replace("version: 1.0.0", "version: 1.0.0, metadata: {onError: fault}"))
    console.gateway.services.definitions.learn(told.definition)
    pointer = "/do/0/both/fork/branches/1/fetch"
    for entry in (*told.start({"address": "a"}), *told.fault(pointer, **(PROBLEM | {"instance": pointer}))):
        console.gateway.see(HISTORY_ENTRY, entry)
    _, page = await console.get(f"/instances/{told.instance_id}")
    assert "Failed at “Fetch”: the system failed" in page and 'class="task s-faulted"' in page
    assert 'class="task s-cancelled"' in page  # the other branch
