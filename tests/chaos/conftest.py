"""Seed and size of a run: `make chaos ARGS="--seed 7 --applications 20000 --kills 40"`."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    seed = random.SystemRandom().randrange(10**6)
    parser.addoption("--seed", type=int, default=seed, help="of the chaos suite; the same fails in the same way again")
    parser.addoption("--applications", type=int, default=20_000, help="of the chaos suite")
    parser.addoption("--told", type=int, default=160, help="of the chaos suite: applications where people are told")
    parser.addoption("--backlog-s", type=int, default=480, help="of the chaos suite: how long nobody works")
    parser.addoption("--rate", type=int, default=200, help="of the chaos suite: events a second meanwhile")
    parser.addoption("--kills", type=int, default=40, help="of the chaos suite: workers and broker in turn")


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos suite: --seed {config.getoption('--seed')}"
