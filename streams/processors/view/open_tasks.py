"""What waits for people: the gauges of their open tasks, by team."""

from __future__ import annotations

from sqlalchemy import func, select

from streams.processors.human.fields import OPEN
from streams.processors.human.rows import TASKS
from streams.processors.view import OLDEST_TASK_SECONDS, TASKS_OPEN, TASKS_OVERDUE
from streams.processors.view.gauges import Gauges
from streams.processors.view.reader import Reader


def show(reader: Reader, gauges: Gauges, at_ms: float) -> None:
    """Sets them as of a time (epoch); a team that has nothing open any more goes. Blocks; raises SQLAlchemyError."""
    query = (
        select(
            TASKS.c.team,
            func.count(),
            func.count().filter(TASKS.c.due_ms < at_ms),
            func.min(TASKS.c.created_at_ms),
        )
        .where(TASKS.c.status == OPEN)
        .group_by(TASKS.c.team)
    )
    with reader.engine.connect() as connection:
        rows = connection.execute(query).all()
    gauges.show(TASKS_OPEN, {(team,): number for team, number, _, _ in rows})
    gauges.show(TASKS_OVERDUE, {(team,): overdue for team, _, overdue, _ in rows})
    gauges.show(OLDEST_TASK_SECONDS, {(team,): max(0.0, at_ms - since_ms) / 1_000 for team, _, _, since_ms in rows})
