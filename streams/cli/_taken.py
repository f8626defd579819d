"""What the site takes in by itself, and from which systems: the sources of its messages, files and rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.ground.settings import Settings
    from streams.processors.call.inventory import Use

READ = "read"
TAKEN = "taken"  # it is not there any more, or stands somewhere else, once there is an event of it


def taken(settings: Settings) -> Iterator[tuple[str, Use]]:
    """Each source that a connection has, with what is asked of that."""
    from streams.files import declared as files
    from streams.ground.site import Site
    from streams.messages import declared as messages
    from streams.processors.call.inventory import Use
    from streams.rows import declared as rows

    site = Site(settings.site_dir)
    for queue in site.file(messages.FILE, messages.read_messages).value.values():
        yield queue.connection, Use("messages", queue.place, TAKEN, queue.source)
        if queue.avro is not None:
            yield queue.avro, Use("messages", "schemas", READ, queue.source)
    for folder in site.file(files.FILE, files.read_files).value.values():
        if folder.connection is not None:
            yield folder.connection, Use("files", str(folder.folder / folder.match), TAKEN, folder.source)
    for table in site.file(rows.FILE, rows.read_rows).value.values():
        yield table.connection, Use("rows", "statement", READ if table.done is None else TAKEN, table.source)
