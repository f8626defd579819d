"""Freezes a release: `python -m schemas.freeze VERSION` keeps every changed schema for ever.

For each message whose shape differs from its newest release, writes the schema and golden bytes under
`frozen/VERSION/` and appends an id to `ids.json`. What is frozen is never changed: records of that release lie in
topics.
"""

import argparse
import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from fastavro import schemaless_writer

from schemas.catalogue import Schema, current, text
from schemas.payload import unwrapped
from schemas.released import FIRST_ID, FROZEN_DIR, IDS_FILE, Release, releases, unfrozen
from schemas.samples import sample
from schemas.wire import frame_prefix

CHECKSUMS = "SHA256SUMS"


def main() -> None:
    """Command line: freezes under the given version and says what was frozen."""
    parser = argparse.ArgumentParser(
        prog="python -m schemas.freeze", description="Freeze all schemas that have changed."
    )
    parser.add_argument("version", help="name of the release, such as 0.2")
    frozen = freeze(parser.parse_args().version)
    print("\n".join(f"{release.id} {release.name}" for release in frozen) or "nothing has changed")


def freeze(version: str) -> list[Release]:
    """Releases every changed message as `version`, which must be new (FileExistsError), and returns the releases."""
    names = unfrozen()
    if not names:
        return []
    (FROZEN_DIR / version).mkdir(parents=True)
    known = releases()
    first = known[-1].id + 1 if known else FIRST_ID
    added = [Release(first + number, name, version) for number, name in enumerate(names)]
    for release in added:
        _write(release, current()[release.name])
    _write_checksums(FROZEN_DIR / version)
    _write_ids([*known, *added])
    return added


def _write(release: Release, schema: Schema) -> None:
    release.path.write_text(text(schema) + "\n")
    body = BytesIO()
    schemaless_writer(body, schema, unwrapped(sample(schema)))
    release.golden.write_text((frame_prefix(release.id) + body.getvalue()).hex() + "\n")


def _write_checksums(folder: Path) -> None:
    """Lets `sha256sum -c` and a test tell that nothing frozen was edited later."""
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(folder.iterdir())]
    (folder / CHECKSUMS).write_text("\n".join(lines) + "\n")


def _write_ids(all_releases: list[Release]) -> None:
    entries = {str(item.id): {"name": item.name, "version": item.version} for item in all_releases}
    IDS_FILE.write_text(json.dumps(entries, indent=2) + "\n")
    releases.cache_clear()


if __name__ == "__main__":
    main()
