"""Made-up applications: valid events that the model can read, the same for the same seed."""

from __future__ import annotations

import json
from itertools import islice

from infra.sandbox.applications import applications
from infra.sandbox.cast import FIRST, arriving
from infra.sandbox.compliance import SANCTIONED
from infra.sandbox.systems import verify
from models.serving.registry import Registry
from schemas.business import EventTypes
from schemas.catalogue import current
from schemas.cloudevents import check_attributes
from schemas.codec import Codec
from schemas.messages import APPLICATION_SUBMITTED


def test_same_seed_gives_the_same_applications() -> None:
    assert list(applications(7, 20)) == list(islice(applications(7), 20))
    assert list(applications(7, 20)) != list(applications(8, 20))


def test_events_have_their_own_ids_and_declared_type() -> None:
    events = list(applications(1, 50))
    assert len({event["id"] for event in events}) == 50
    assert {event["type"] for event in events} <= EventTypes.load().declared.keys()


def test_attributes_are_valid_cloudevents_attributes() -> None:
    event = next(applications(1))
    assert check_attributes({name: value for name, value in event.items() if name != "data"}) == []


def test_data_fills_every_field_of_the_schema() -> None:
    event = next(applications(1))
    assert event["data"].keys() == {field["name"] for field in current()[APPLICATION_SUBMITTED]["fields"]}
    assert Codec.offline().encode(APPLICATION_SUBMITTED, event["data"])


def test_model_sends_applications_both_ways() -> None:
    model = Registry().get("credit-risk")
    verdicts = [model.decide(event["data"]) for event in applications(1, 200)]
    assert {verdict.route for verdict in verdicts} == {"approve", "review"}
    assert not any(verdict.outside for verdict in verdicts)


def test_addresses_belong_to_nobody() -> None:
    emails = [event["data"]["applicant"]["email"] for event in applications(1, 50)]
    assert all(email.endswith("@example.org") for email in emails)


def test_first_of_the_demonstration_go_every_way() -> None:
    """By the model, and by what the identity service and the list of the compliance department say of the person."""
    model, sanctioned = Registry().get("credit-risk"), {row[:2] for row in SANCTIONED}
    for seed in range(20):
        ways = []
        for event in islice(arriving(seed, 5), len(FIRST)):
            person = event["data"]["applicant"]
            verified = json.loads(verify(json.dumps({"applicant": person}).encode()))["status"] == "verified"
            clear = verified and (person["given_name"], person["family_name"]) not in sanctioned
            route = model.decide(event["data"]).route
            ways.append("waits for a person" if route == "review" else "approved" if clear else "on-hold")
        assert ways == list(FIRST)
    assert [event["id"] for event in arriving(1, 9)] == [event["id"] for event in applications(1, 9)]
