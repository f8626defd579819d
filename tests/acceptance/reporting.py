"""The figures of a report, counted from what stands on topics and asked of the rows with SQL, by no code of ours."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from schemas.messages import HISTORY_ENTRY, HUMAN_TASK, INCIDENT, INSTANCE_OUTCOME
from streams.definitions import outcome_topic
from streams.processors.human import TASKS
from streams.processors.orchestrate import HISTORY, INCIDENTS
from tests.acceptance.site import Site

Json = dict[str, Any]
ENDS = ("task.completed", "task.faulted", "task.cancelled", "task.skipped")


def of_topics(site: Site, workflow: str, since_ms: int) -> Json:
    """What the topics say of a workflow whose instances that began since then have ended, and left no letters."""
    lives: dict[str, list[int]] = defaultdict(list)
    ended: dict[str, list[str]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    for entry in site.decoded(HISTORY, HISTORY_ENTRY):
        place = (entry["instance_id"], entry["seq"])
        if entry["workflow"] == workflow and place not in seen:
            seen.add(place)
            lives[entry["instance_id"]].append(entry["at_ms"])
            ended[entry["instance_id"]] += [each["pointer"] for each in entry["transitions"] if each["phase"] in ENDS]
    lives = {name: times for name, times in lives.items() if min(times) >= since_ms}
    steps = Counter(pointer for name in lives for pointer in ended[name])
    told = site.decoded(outcome_topic(workflow), INSTANCE_OUTCOME)
    outcomes = {each["instance_id"]: each for each in told if each["instance_id"] in lives}
    asked = {each["instance_id"] for each in site.decoded(TASKS, HUMAN_TASK)}
    mended = {each["instance_id"] for each in site.decoded(INCIDENTS, INCIDENT)}
    completed = {name for name, each in outcomes.items() if each["status"] == "completed"}
    took = sorted(max(lives[name]) - min(lives[name]) for name in completed)
    return {
        "started": len(lives),
        "open": len(lives) - len(outcomes),
        **{status: Counter(each["status"] for each in outcomes.values())[status] for status in STATUSES},
        "without_people": len(completed - asked),
        "first_time_right": len(completed - mended),
        "mean_ms": round(sum(took) / len(took)),
        "median_ms": took[len(took) // 2],
        "slow_ms": took[len(took) * 95 // 100],
        "lived_ms": sum(max(times) - min(times) for times in lives.values()),
        "steps": steps,
    }


STATUSES = ("completed", "faulted", "cancelled")
SQL = {
    "started": "SELECT count(*) FROM instances WHERE workflow = '{}' AND started_at_ms >= {}",
    "completed": """
        SELECT count(*) FROM instances WHERE workflow = '{}' AND started_at_ms >= {} AND status = 'completed'""",
    "without_people": """
        SELECT count(*) FROM instances i WHERE workflow = '{}' AND started_at_ms >= {} AND status = 'completed'
        AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.instance_id = i.instance_id)""",
    "first_time_right": """
        SELECT count(*) FROM instances i WHERE workflow = '{}' AND started_at_ms >= {} AND status = 'completed'
        AND NOT EXISTS (SELECT 1 FROM incidents n WHERE n.instance_id = i.instance_id)
        AND NOT EXISTS (SELECT 1 FROM retries r WHERE r.instance_id = i.instance_id)""",
    "mean_ms": """
        SELECT round(avg(updated_at_ms - started_at_ms)) FROM instances
        WHERE workflow = '{}' AND started_at_ms >= {} AND status = 'completed'""",
}


async def of_sql(site: Site, workflow: str, since_ms: int) -> Json:
    """What the rows answer to what anybody may ask."""
    return {name: await site.sql(question.format(workflow, since_ms)) for name, question in SQL.items()}
