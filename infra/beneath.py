"""The dashboard of what Exlify stands on: the broker and the registry, as `exlify up --watch` has them watched.

The series of the broker are named in `infra/local/jmx.py`; those of the registry, and of Java, are their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.panels import RATE, Shown

BENEATH: Mapping[str, Sequence[Shown]] = {
    "Broker": (
        Shown(
            title="Records in", about="A second.", queries=[(f"sum(rate(kafka_messages_in_total[{RATE}]))", "records")]
        ),
        Shown(
            title="Bytes in and out",
            about="A second.",
            unit="Bps",
            queries=[
                (f"sum(rate(kafka_bytes_in_total[{RATE}]))", "in"),
                (f"sum(rate(kafka_bytes_out_total[{RATE}]))", "out"),
            ],
        ),
        Shown(
            title="Requests",
            about="99 of a hundred take no longer. Fetches wait for records, so half a second is no fault.",
            unit="s",
            queries=[("max by (request) (kafka_request_p99_seconds)", "{{request}}")],
        ),
        Shown(
            title="Partitions that are not well",
            about="Without a leader, or with fewer copies than they should have. Look at any.",
            queries=[
                ("max(kafka_offline_partitions)", "without a leader"),
                ("max(kafka_under_replicated_partitions)", "too few copies"),
            ],
        ),
        Shown(
            title="On disk",
            about="The ten topics that take most.",
            unit="bytes",
            queries=[("topk(10, sum by (topic) (kafka_log_bytes))", "{{topic}}")],
        ),
    ),
    "Registry and Java": (
        Shown(
            title="Requests to the registry",
            about="A second.",
            queries=[(f"sum(rate(rest_requests_seconds_count[{RATE}]))", "requests")],
        ),
        Shown(
            title="Memory",
            about="What the heaps hold.",
            unit="bytes",
            queries=[('sum by (process) (jvm_memory_used_bytes{area="heap"})', "{{process}}")],
        ),
        Shown(title="There", about="1 for a process that answers.", queries=[("min by (process) (up)", "{{process}}")]),
    ),
}
