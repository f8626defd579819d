"""What can be set about the runtime of a worker."""

from __future__ import annotations

from dataclasses import dataclass

from streams.ground.kinds import checked
from streams.ground.setting import Group, setting
from streams.runtime.crash import is_specification


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings(Group):
    """Workers."""

    session_timeout_ms: int = setting(
        "EXLIFY_SESSION_TIMEOUT_MS", 10_000, "A worker that is silent for longer loses its partitions", minimum=1
    )
    commit_interval_ms: int = setting("EXLIFY_COMMIT_INTERVAL_MS", 500, "How often positions are committed", minimum=1)
    max_batch_records: int = setting(
        "EXLIFY_MAX_BATCH_RECORDS", 500, "Records of one partition handled in one write order", minimum=1
    )
    max_buffered_records: int = setting(
        "EXLIFY_MAX_BUFFERED_RECORDS",
        8_000,
        "Records of one partition held in memory before its fetching pauses",
        minimum=1,
    )
    max_buffered_bytes: int = setting(
        "EXLIFY_MAX_BUFFERED_BYTES", 16_777_216, "The same in bytes; what is reached first counts", minimum=1
    )
    max_parked_per_minute: int = setting(
        "EXLIFY_MAX_PARKED_PER_MINUTE",
        1_000,
        "Records of one partition that a processor parks in a minute; it holds the partition rather than park more",
        minimum=1,
    )
    stall_timeout_ms: int = setting(
        "EXLIFY_STALL_TIMEOUT_MS",
        60_000,
        "A worker whose loop or partition has not moved for this long is ended by its watchdog",
        minimum=1,
    )
    crash_at: str = setting(
        "EXLIFY_CRASH_AT",
        "",
        "For crash tests: where a worker kills or stops itself, see streams/runtime/crash.py",
        kind=checked(is_specification, "PROCESSOR:POINT:N[:kill|stop] with a point of streams/runtime/crash.py"),
    )
