"""What `letters redrive` and `letters drop` share: the letters that are named or found, in portions, each told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from streams.cli._actor import acting
from streams.cli._bulk import by_now, conclude, paced, print_meant
from streams.cli._client import Client, Refused, connect
from streams.cli._output import echo, print_line
from streams.ground.errors import UsageError

PORTION = 100
WORDS = {"redrive": "redriven", "drop": "dropped", "edit": "edited"}


def decide(action: str, given: dict[str, Any], more: dict[str, Any]) -> None:
    """Carries a decision out about letters that are named, or all undecided ones that the filters find."""
    as_json, dry_run, rate = given.pop("as_json"), given.pop("dry_run"), given.pop("rate")
    why, actor, named = given.pop("why"), acting(given.pop("actor")), given.pop("letters")
    narrowed = {name: value for name, value in given.items() if value is not None}
    if bool(named) == bool(narrowed):
        raise UsageError("Name LETTERS, or say by --kind, --reason or another filter which letters are meant.")
    wish = {"why": why if dry_run else required(why), "actor": actor, **more}
    client = connect()
    narrowed.setdefault("until", by_now())
    found = iter(dict.fromkeys(named)) if named else _meant(client, narrowed)
    if dry_run:
        meant = list(found)
        print_meant({"letters": meant}, meant, "letter", "letters", as_json=as_json)
    else:
        _portions(client, action, found, wish, rate, as_json)


def required(why: str | None) -> str:
    """Raises UsageError where nobody says why."""
    if not why:
        raise UsageError("--why is missing: say why, in a few words, since it is kept with the letter.")
    return why


def print_told(action: str, told: list[dict[str, Any]], as_json: bool) -> Counter[str]:
    """What became of letters, one by one; gives how many became what."""
    counts = Counter[str]()
    for each in told:
        word, detail = _word(action, each)
        counts[word] += 1
        if as_json:
            print_line({"letter_id": each["letter_id"], "result": word, "detail": detail})
        else:
            echo(f"{each['letter_id']}  {word}" + (f": {detail}" if detail else ""))
    return counts


def _meant(client: Client, narrowed: dict[str, Any]) -> Iterator[str]:
    """Undecided letters, page by page, each once: one that comes back meanwhile is not meant a second time."""
    seen = set()
    for each in client.every("/v1/letters", "letters", status="undecided", **narrowed):
        if each["letter_id"] not in seen:
            seen.add(each["letter_id"])
            yield each["letter_id"]


def _portions(
    client: Client, action: str, found: Iterator[str], wish: dict[str, Any], rate: float | None, as_json: bool
) -> None:
    counts = Counter[str]()
    for some in paced(found, rate, PORTION):
        counts += print_told(action, _decided(client, action, some, wish), as_json)
    conclude(counts, WORDS[action], "no letter is meant", as_json=as_json)


def _decided(client: Client, action: str, some: list[str], wish: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        told: list[dict[str, Any]] = client.post_json(f"/v1/letters/{action}", {**wish, "letters": some})[1]["letters"]
    except Refused as refusal:
        if refusal.status != 409:
            raise
        return [{"letter_id": some[0], "taken": False, "detail": str(refusal)}]
    return told


def _word(action: str, told: dict[str, Any]) -> tuple[str, str | None]:
    if told["taken"] is None:
        return "asked", "nothing is known of it yet; ask again"
    return (WORDS[action], None) if told["taken"] else ("refused", told["detail"])
