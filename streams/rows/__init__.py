"""Rows as triggers: what comes into a table of a database becomes events, one for each row, and each row once."""

from streams.ground.topic import Keyed, Topic

POSITIONS = Topic(
    name="rows.position.source.v1",
    messages=(),
    keyed=Keyed.NONE,
    key="name of the source",
    written_by="who reads rows",
    compacted=True,
)
"""How far each source is read. Who has its one partition is the one that reads."""
