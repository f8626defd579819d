"""What a case costs is what is declared of the connections, models and teams that it asks, and nothing else."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.serving.shelf import BUNDLED, Shelf
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import Addresses
from streams.processors.costs import Costs, Prices

PRICES = Prices({"bureau": 0.5, "erp": 2.0}, {"credit-risk": 0.01}, {"desk": 3.4})


@pytest.mark.parametrize(
    ("function", "arguments", "cost"),
    [
        ("http", {"method": "get", "endpoint": "connection://bureau/ratings/1"}, 0.5),
        ("http", {"method": "get", "endpoint": {"uri": "connection://Bureau"}}, 0.5),
        ("http", {"method": "get", "endpoint": "https://bureau.example.com"}, 0.0),
        ("http", {"method": "get", "endpoint": "connection://bureau?case=1"}, 0.5),
        ("openapi", {"document": {"endpoint": "connection://bureau"}, "operationId": "rate"}, 0.5),
        ("openapi", {"document": {"endpoint": "${ .where }"}, "operationId": "rate"}, 0.0),
        ("openapi", {"document": "connection://bureau", "operationId": "rate"}, 0.0),
        ("sql.query", {"connection": "ERP", "statement": "SELECT 1"}, 2.0),
        ("decide", {"model": "credit-risk"}, 0.01),
        ("decide", {"model": "another"}, 0.0),
        ("human", {"team": "desk"}, 3.4),
        ("human", {"team": "${ .team }"}, 0.0),
        ("rules", {"model": "credit-risk", "team": "desk", "connection": "erp"}, 0.0),
        ("http", None, 0.0),
    ],
)
def test_step_costs_what_it_asks(function: str, arguments: Any, cost: float) -> None:
    assert PRICES.of(function, arguments) == cost


def costs(folder: Path, **files: str) -> Costs:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    site = Site(folder, {})
    return Costs(Addresses(Settings(site_dir=folder), site), site, Shelf((folder / "models", BUNDLED)))


def test_prices_are_those_of_files_and_cards(tmp_path: Path) -> None:
    shutil.copytree(BUNDLED / "credit-risk", tmp_path / "models" / "credit-risk")
    shutil.copy(BUNDLED / "active.toml", tmp_path / "models")
    card = tmp_path / "models" / "credit-risk" / "2" / "card.toml"
    card.write_text("cost = 0.03\n" + card.read_text())
    made = costs(
        tmp_path,
        connections="Core_Bank: {url: 'http://a', cost: 0.02}\nerp: http://b\n",
        teams="desk: {minute: 0.85, minutes: 4}\n",
    )
    prices = made.prices()
    bundled = tomllib.loads((BUNDLED / "active.toml").read_text())["active"]
    models = {**dict.fromkeys(bundled, 0.0), "credit-risk": 0.03}
    assert prices == Prices({"core-bank": 0.02}, models, {"desk": 3.4})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"teams": "desk: {minute: 1}\n"}, "no `minutes`"),
        ({"teams": "desk: {minute: cheap, minutes: 4}\n"}, "no price"),
        ({"teams": "desk: {minute: 1, minutes: -4}\n"}, "no price"),
        ({"teams": "desk: {minute: .nan, minutes: 4}\n"}, "no price"),
        ({"teams": "desk: {minute: 1, minutes: 4, hours: 1}\n"}, "hours"),
        ({"connections": "erp: {url: 'http://a', cost: free}\n"}, "no price"),
    ],
)
def test_what_is_no_price_is_told_with_its_place(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        costs(tmp_path, **files)
