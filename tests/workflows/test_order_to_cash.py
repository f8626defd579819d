"""Every way from an order to its payment, in virtual time; and that all of the folder is in order."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

import streams.workflows
from schemas.cloudevents import CloudEvent
from streams.catalogue import processors
from streams.cli import group
from streams.files.declared import read_files
from streams.gateway.hooks import Hooks
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.local import Report, run_locally
from streams.messages.declared import read_messages
from streams.mocked import mocks_of
from streams.processors.call.templates import Templates
from streams.processors.human.local import Answer
from tests.support.definitions import BUNDLED, load

FOLDER = Path(next(iter(streams.workflows.__path__))) / "order-to-cash"
SAID: dict[str, Any] = YAML(typ="safe").load((FOLDER / "mock.yaml").read_text())
SHIPPED, PAID = orjson.loads((FOLDER / "events.json").read_bytes())
DOUBT = {"error": {"reason": "OUTCOME_UNKNOWN", "effect": "unknown"}}


async def run(
    *happened: dict[str, Any],
    people: dict[str, list[Answer]],
    name: str = "order-to-cash.yaml",
    data: dict[str, Any] | None = None,
    only: dict[str, Any] | None = None,
    **said: Any,
) -> Report:
    attributes = {"specversion": "1.0", "source": "/test"}
    events = [
        CloudEvent({**attributes, "id": str(number), "type": each["type"]}, each["data"])
        for number, each in enumerate(happened)
    ]
    report = await run_locally(
        load((FOLDER / name).read_text()), data or {"order": "A-1"}, people, Settings(),
        tuple(processors(BUNDLED).values()), BUNDLED,
        mocks=mocks_of(only or {**SAID, **said}, "mocks"), virtual_time=True, events=events,
    )  # fmt: skip
    assert report.status == "completed", report.error
    return report


RELEASED = {"release": [Answer("release")]}


async def test_what_is_shipped_and_paid_is_closed() -> None:
    report = await run(SHIPPED, PAID, people=RELEASED)
    assert report.output == {"order": "A-1", "state": "paid", "invoice": "R-1", "parcel": "P-7"}


async def test_what_the_desk_refuses_is_neither_picked_nor_billed() -> None:
    report = await run(people={"release": [Answer("refuse")]})
    assert report.output == {"order": "A-1", "state": "refused"}
    assert not [each for each in report.tasks if each.endswith(("/pick", "/bill", "/announce"))]


async def test_a_warehouse_that_says_nothing_is_asked_about_by_people() -> None:
    shipped = {"askWarehouse": [Answer("shipped", {"parcel": "P-8"})]}
    report = await run(people=RELEASED | shipped | {"compare": [Answer("settled")]})
    assert (report.output["parcel"], report.output["state"]) == ("P-8", "settled")


@pytest.mark.parametrize(
    ("paid", "state"), [([], "lost"), ([PAID | {"data": PAID["data"] | {"amount": "9.90"}}], "settled")]
)
async def test_a_payment_that_does_not_come_or_does_not_fit_is_for_accounting(paid: list[Any], state: str) -> None:
    people = RELEASED | {"compare": [Answer(state)]}
    assert (await run(SHIPPED, *paid, people=people)).output["state"] == state


async def test_a_mail_in_doubt_is_sent_again_only_where_the_desk_says_so() -> None:
    people = RELEASED | {"send": [Answer("again"), Answer("sent")]}
    report = await run(SHIPPED, PAID, people=people, send=[DOUBT])
    assert sum(each.endswith("/send") for each in report.tasks) == 2 and report.output["state"] == "paid"


MAIL = {"from": [{"name": None, "address": "ada@example.org"}], "subject": "Where?", "text": "Well?", "attachments": []}
BROKEN = {"place": "mail 7 of the folder", "fault": "it is larger than 921,600 bytes", "text": None}


@pytest.mark.parametrize(
    ("mail", "people", "sent"),
    [
        (MAIL, {"read": [Answer("answered", {"text": "Soon."})]}, 1),
        (MAIL, {"read": [Answer("noted")]}, 0),
        (BROKEN, {"read": [Answer("noted")]}, 0),
        (BROKEN, {"read": [Answer("answered", {"text": "?"})]}, 0),
        (
            MAIL,
            {"read": [Answer("answered", {"text": "Soon."})], "answer": [Answer("again"), Answer("sent")]},
            2,
        ),
    ],
)
async def test_a_mail_is_read_and_answered_by_people(mail: Any, people: dict[str, list[Answer]], sent: int) -> None:
    mocks = {"answer": [DOUBT] if "answer" in people else [{"output": {"messageId": "<1@example.com>"}}]}
    report = await run(people=people, name="customer-mail.yaml", data=mail, only=mocks)
    assert sum(each.endswith("/answer") for each in report.tasks) == sent


def test_the_files_of_the_folder_are_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SALES_HOOK", "whsec_" + "c2VjcmV0LW9mLXRoZS1zaG9wLTEyMzQ1Njc4")
    site = Site(FOLDER)
    shipped, paid = site.file("files.yaml", read_files).value.values()
    for source, content, event in (
        (shipped, b"order,parcel\nA-1,P-7\n", SHIPPED),
        (paid, b"reference;amount;currency\nR-1;19,90;EUR\n", PAID),
    ):
        (record,) = source.format.read(io.BytesIO(content))
        assert (source.type, record.value) == (event["type"], event["data"])
    assert list(site.file("messages.yaml", read_messages).value) == ["sales-mail"]
    assert "sales-orders" in Hooks(Settings(site_dir=FOLDER, data_dir=tmp_path), site)
    cli = CliRunner(env={"EXLIFY_SITE_DIR": str(FOLDER), "EXLIFY_DATA_DIR": str(tmp_path)})
    told = cli.invoke(group, ["map", "check"])
    assert (told.exit_code, told.output.endswith("1 tests pass\n")) == (0, True)
    assert cli.invoke(group, ["lint", *map(str, FOLDER.glob("*-*.yaml"))]).exit_code == 0
    order = {"number": "A-1", "lines": [{"pieces": 2, "article": "4711"}], "total": "19.90", "currency": "EUR"}
    bill = Templates(FOLDER).render("bill.txt", {"order": order, "invoice": "R-1", "parcel": "P-7"})
    assert "Please pay 19.90 EUR and name R-1." in bill.splitlines()
