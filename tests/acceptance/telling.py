"""Workflows that stop at once, each of which is an alert of its own that a team is to be told of."""

from __future__ import annotations

import json
from collections.abc import Sequence

from schemas.cloudevents import CloudEvent
from tests.acceptance.site import Site
from tests.support.peers import Peer

SOURCE = "acceptance"
CHANNELS = """
channels: {{team: {{webhook: '{url}', effect: keyed}}}}
ladders: {{usual: [{{tell: [team]}}]}}
rules: [{{cause: incident, older: 1s}}]
"""
DEFINITION = """
document: { dsl: 1.0.3, namespace: acceptance, name: NAME, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.NAME.v1 } } } }
do:
  - ask: { call: http, with: { method: get, endpoint: { uri: connection://nobody-has-declared-it/ } } }
"""


async def prepare(site: Site, team: Peer, names: Sequence[str]) -> None:
    """Deploys a workflow of each name, and says where their team is told."""
    (site.settings.data_dir / "site" / "channels.yaml").write_text(CHANNELS.format(url=team.url))
    await site.until(lambda: site.applied("steps", "channels.yaml"), "channels.yaml in force")
    await site.deploy(*(DEFINITION.replace("NAME", name) for name in names))


async def begin(site: Site, name: str) -> None:
    """One instance of a workflow, delivered twice; it stops."""
    attributes = {"specversion": "1.0", "id": name, "source": SOURCE, "type": f"acceptance.{name}.v1"}
    await site.publish([CloudEvent(attributes, {})] * 2)


async def verified(site: Site, team: Peer, names: Sequence[str]) -> None:
    """The team hears of each alert; what it hears again is the same word under the same key."""

    def told() -> dict[str, str]:
        """The key by the workflow that is told of."""
        found: dict[str, str] = {}
        for index in range(team.count):
            word, key = json.loads(team.body(index)), team.header("Idempotency-Key", index) or ""
            if word["workflow"] in names:
                assert word["event"] == "opened"
                assert found.setdefault(word["workflow"], key) == key, "it is told of one alert twice"
        return found

    async def all_are() -> bool:
        return told().keys() == set(names)

    await site.until(all_are, "a word about each alert")
    await site.quiet()
    assert len(set(told().values())) == len(names)
