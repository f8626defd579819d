"""Shares of a group: even after whatever came before, with no more moves than that takes."""

from __future__ import annotations

import random

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust import App
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.assignor import Assignor
from streams.runtime.shares import Shares, shares

MEMBERS = st.dictionaries(st.text("abcdef", min_size=1), st.lists(st.integers(-3, 300)), min_size=1, max_size=40)


def assert_even(found: Shares, numbers: int) -> None:
    assert sorted(number for held in found.values() for number in held) == list(range(numbers))
    sizes = [len(held) for held in found.values()]
    assert max(sizes) - min(sizes) <= 1


@given(MEMBERS, st.integers(0, 257))
def test_shares_are_even_whatever_members_claim(members: dict[str, list[int]], numbers: int) -> None:
    found = shares(members, numbers)
    assert found.keys() == members.keys()
    assert_even(found, numbers)
    assert found == shares(dict(reversed(members.items())), numbers)


@pytest.mark.parametrize("seed", range(5))
def test_two_to_a_hundred_members_that_join_restart_and_get_lost(seed: int) -> None:
    chance = random.Random(seed)
    group: Shares = shares({"0": ()}, 256)
    for turn in range(1, 200):
        members = dict(group)
        if len(members) < 100 and (len(members) == 1 or chance.random() < 0.6):
            members[str(turn)] = ()
        elif chance.random() < 0.5:
            del members[chance.choice(sorted(members))]
        else:
            del members[chance.choice(sorted(members))]
            members[f"again-{turn}"] = ()
        after = shares(members, 256)
        assert_even(after, 256)
        moved = sum(len(set(group[member]) - set(after[member])) for member in group.keys() & after.keys())
        newcomers = after.keys() - group.keys()
        assert moved <= sum(len(after[member]) for member in newcomers) + len(after)
        group = after


def test_who_stays_keeps_what_it_had() -> None:
    before = shares({"a": (), "b": (), "c": ()}, 12)
    after = shares({"a": before["a"], "b": before["b"]}, 12)
    assert set(before["a"]) <= set(after["a"]) and set(before["b"]) <= set(after["b"])


def cluster(**partitions: int) -> ClusterMetadata:
    known = ClusterMetadata()
    known._partitions = {topic: dict.fromkeys(range(count)) for topic, count in partitions.items()}
    return known


def assigned(topics: ClusterMetadata, members: dict[str, Assignor], reads: dict[str, set[str]]) -> dict[str, set[str]]:
    """One rebalance: what each member is told, taken in by it."""
    metadata = {
        name: ConsumerProtocolMemberMetadata(1, sorted(reads[name]), member.metadata(reads[name]).user_data)
        for name, member in members.items()
    }
    found = next(iter(members.values())).assign(topics, metadata)
    for name, member in members.items():
        member.on_assignment(found[name])
    return {
        name: {f"{topic}-{number}" for topic, held in told.assignment for number in held}
        for name, told in found.items()
    }


def test_a_worker_that_joins_gets_work_and_numbers_stay_together() -> None:
    topics = cluster(inbox=16, commands=16, outside=3)
    members = {str(number): Assignor(App("group"), replicas=1) for number in range(4)}
    reads = {name: {"inbox", "commands", "outside", "not there"} for name in [*members, "4"]}
    assigned(topics, members, reads)
    members["4"] = Assignor(App("group"), replicas=1)
    found = assigned(topics, members, reads)
    for held in found.values():
        inbox = {name.removeprefix("inbox-") for name in held if name.startswith("inbox")}
        assert inbox == {name.removeprefix("commands-") for name in held if name.startswith("commands")}
        assert {name.removeprefix("outside-") for name in held if name.startswith("outside")} == inbox & {"0", "1", "2"}
        assert 3 <= len(inbox) <= 4
    assert sorted(name for held in found.values() for name in held) == sorted(
        [f"{topic}-{number}" for topic in ("inbox", "commands") for number in range(16)]
        + [f"outside-{number}" for number in range(3)]
    )


def test_a_topic_that_one_member_does_not_read_yet_is_never_split_from_its_numbers() -> None:
    topics = cluster(inbox=4, late=4)
    members = {name: Assignor(App("group"), replicas=1) for name in ("a", "b")}
    found = assigned(topics, members, {"a": {"inbox", "late"}, "b": {"inbox"}})
    ours = {name.removeprefix("inbox-") for name in found["a"] if name.startswith("inbox")}
    assert {name.removeprefix("late-") for name in found["a"] if name.startswith("late")} == ours and len(ours) == 2
