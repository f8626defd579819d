"""Compares routers: `python -m models.decisions.support_routing.simulate --banking train.csv --clinc train_val.json`.

Texts that neither intent model was made of are judged by these models, and become tickets of a made-up desk
(`simulator`, which says what is assumed). Prints time to resolution in the second half of the tickets, by router, in
the mean over seeds: each in turn, whoever has the fewest, `assign` with what it learned, and an oracle that knows how
long everything takes everybody in the mean. Regret is what a router's cost is above the oracle's.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from ruamel.yaml import YAML

from models.assigning.choosing import chosen
from models.assigning.desk import Desk
from models.decisions.assistant_intent import data as clinc
from models.decisions.banking_intent import data as banking
from models.decisions.support_routing.simulator import Result, RoundRobin, Ticket, World, least_loaded, run
from models.decisions.texts.data import FIELD, OUTSIDE, Texts
from models.serving.card import REVIEW
from models.serving.predict import Model
from models.serving.registry import Registry

WORKFLOW = Path(__file__).parents[3] / "streams" / "workflows" / "support-routing.yaml"
HASTE = re.compile(r"\b(urgent\w*|immediate\w*|emergency|asap|stolen|stole|fraud\w*|lost)\b", re.IGNORECASE)
SEEDS = (1, 2, 3, 4, 5)
LOADS = (0.6, 0.8, 0.95)


def groups(workflow: Path = WORKFLOW) -> dict[str, str]:
    """The group of each intent, as the table of the bundled workflow says; `general` has the rest."""
    tasks = {name: task for each in YAML(typ="safe").load(workflow)["do"] for name, task in each.items()}
    rows = tasks["chooseTeam"]["with"]["table"]["rows"]
    return {intent: row["route"] for row in rows for intent in row["when"].get("intent", ())}


def tickets(texts: Texts, model: Model, group_of: dict[str, str]) -> list[Ticket]:
    """Held-back texts as a model takes them."""
    found = []
    for text, intent in zip(*texts.part(texts.held_out), strict=True):
        said = model.decide({FIELD: text}).route
        group = group_of.get(intent, "general") if intent != OUTSIDE else "general"
        weight = 4.0 if group == "security" else 2.0 if HASTE.search(text) else 1.0
        sure = said != REVIEW
        found.append(
            Ticket(intent, group, said if sure else None, group_of.get(said, "general") if sure else None, weight)
        )
    return found


def compared(world: World) -> dict[str, Result]:
    """What each router comes to."""

    def nothing(desk: Desk, person: str, number: int) -> float:
        return 1.0

    def learned(desk: Desk, person: str, number: int) -> float:
        return desk.speeds.optimistic(person, world.tickets[number].kind)

    def truly(desk: Desk, person: str, number: int) -> float:
        return world.known(person, number)

    return {
        "round robin": run(world, nothing, RoundRobin()),
        "least loaded": run(world, nothing, least_loaded),
        "assign": run(world, learned, chosen),
        "oracle": run(world, truly, chosen),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what came of it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m models.decisions.support_routing.simulate", description=__doc__)
    parser.add_argument("--banking", type=Path, required=True, help="training file of BANKING77")
    parser.add_argument("--clinc", type=Path, required=True, help="train_val.json of CLINC150")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--loads", type=float, nargs="+", default=(0.6, 0.8, 0.95), help="share of time people are busy"
    )
    parser.add_argument("--people", type=int, default=24)
    options = parser.parse_args(arguments)
    registry, group_of = Registry(), groups()
    found = [
        *tickets(banking.read(options.banking), registry.get("banking-intent"), group_of),
        *tickets(clinc.read(options.clinc), registry.get("assistant-intent"), group_of),
    ]
    told: dict[str, Any] = {"tickets": len(found), "sorted by people": sum(each.said is None for each in found)}
    for load in options.loads:
        results = [compared(World(seed, found, people=options.people, load=load)) for seed in options.seeds]
        means = {name: Result(*map(fmean, zip(*(each[name] for each in results), strict=True))) for name in results[0]}
        best = means["oracle"].cost
        told[f"load {load:g}"] = {
            name: {
                **{key: round(value, 3) for key, value in each._asdict().items()},
                "regret": round(each.cost / best - 1, 3),
            }
            for name, each in means.items()
        }
    print(json.dumps(told, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
