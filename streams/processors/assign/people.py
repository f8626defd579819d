"""Who there is: `people.yaml` of the site folder. A name is the identity that somebody answers tasks by.

kim:
  teams: [cards, payments]
  skills: [cards, german]      # nothing unless said
  capacity: 8                  # tasks at a time; 10 unless said
  away: [{from: 2026-12-24, until: '2027-01-02T08:00:00Z'}]
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from models.assigning.desk import Someone

if TYPE_CHECKING:
    from streams.ground.site_yaml import Part

FILE = "people.yaml"
CAPACITY, MOST = 10, 1_000


def read_people(document: Part | None) -> Mapping[str, Someone]:
    """What `people.yaml` says; faults with their place."""
    return {name: _someone(part) for name, part in (document.members() if document else {}).items()}


def _someone(part: Part) -> Someone:
    members = part.only("teams", "skills", "capacity", "away")
    if "teams" not in members:
        part.fault("no `teams`", "write the teams whose tasks they do: teams: [cards]")
    teams, skills = (
        frozenset(each.text() for each in members[name].items()) if name in members else frozenset()
        for name in ("teams", "skills")
    )
    away = tuple(sorted(_away(each) for each in members["away"].items())) if "away" in members else ()
    return Someone(teams, skills, _capacity(members.get("capacity")), away)


def _capacity(part: Part | None) -> int:
    if part is None:
        return CAPACITY
    found = part.plain()
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MOST:
        part.fault("is no number of tasks", f"write a whole number from 0 to {MOST:,}")
    return found


def _away(part: Part) -> tuple[int, int]:
    members = part.only("from", "until")
    for name in ("from", "until"):
        if name not in members:
            part.fault(f"no `{name}`", "write from when and until when: {from: 2026-12-24, until: 2027-01-02}")
    begins, ends = _moment(members["from"]), _moment(members["until"])
    if ends <= begins:
        part.fault("ends before it begins", "write a later `until`")
    return begins, ends


def _moment(part: Part) -> int:
    try:
        found = datetime.fromisoformat(part.scalar())
    except ValueError:
        part.fault("is no time", "write a day, 2026-12-24, or a moment, '2026-12-24T08:00:00+01:00'")
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000)
