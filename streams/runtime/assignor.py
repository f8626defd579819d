"""How the partitions of a group are spread: Faust's protocol, our shares.

Runs in the member that leads the group. A member that does not read a topic (yet) gets none of it; that topic's
partitions of its numbers wait until it does, since nobody else may have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.cluster import ClusterMetadata
from faust.assignor import PartitionAssignor
from faust.assignor.client_assignment import ClientAssignment

from streams.runtime.shares import shares


class Assignor(PartitionAssignor):
    """Even shares of partition numbers; nothing of tables and standbys, which are ours."""

    def _perform_assignment(self, cluster: ClusterMetadata, member_metadata: Mapping[str, Any]) -> dict[str, Any]:
        told = {member: self._get_client_metadata(metadata) for member, metadata in member_metadata.items()}
        self._update_member_urls(told)
        reads = {member: set(metadata.subscription) for member, metadata in member_metadata.items()}
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in set().union(*reads.values())}
        numbers = max(counts.values(), default=0)
        found = shares({member: _numbers(metadata.assignment) for member, metadata in told.items()}, numbers)
        assignments = {
            member: ClientAssignment(
                actives={
                    topic: held
                    for topic in sorted(reads[member])
                    if (held := [number for number in found[member] if number < counts[topic]])
                },
                standbys={},
            )
            for member in member_metadata
        }
        return dict(self._protocol_assignments(assignments, {}, {}, dict.fromkeys(counts, 0)))


def _numbers(assignment: ClientAssignment) -> Iterable[int]:
    return set().union(*assignment.actives.values())
