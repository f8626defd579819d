"""Addresses of outside systems: environment over file over sandbox, and live."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.hub.limits import ConnectionLimits
from schemas.recovery import Policy
from streams.ground.errors import ConfigurationError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.processors.call.connections import FILE, Addresses, ConnectionSettings


@dataclass
class Place:
    """A site folder and what surrounds it."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        self.site = Site(self.folder, self.environ)

    def write(self, text: str) -> None:
        (self.folder / FILE).write_text(text)

    def addresses(self) -> Addresses:
        return Addresses(self.settings, self.site)

    def look_twice(self) -> None:
        self.site.look()
        self.site.look()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_both_forms_of_an_entry_are_read(place: Place) -> None:
    place.write("erp: https://erp.example.com\nledger:\n  url: postgresql://db/ledger\n")
    assert place.addresses().urls() == {"erp": "https://erp.example.com", "ledger": "postgresql://db/ledger"}


def test_environment_beats_file_beats_sandbox(place: Place) -> None:
    sandbox = {"CORE_BANK": "http://sandbox/1", "erp": "http://sandbox/2", "mail": "http://sandbox/3"}
    place.settings = Settings(endpoints={"sandbox": sandbox}).with_(ConnectionSettings(urls={"erp": "http://given"}))
    place.write("Core_Bank: http://file/1\nERP: http://file/2\n")
    assert place.addresses().urls() == {
        "core-bank": "http://file/1", "erp": "http://given", "mail": "http://sandbox/3",
    }  # fmt: skip


def test_changed_address_counts_without_a_restart(place: Place) -> None:
    place.write("erp: http://old\n")
    addresses = place.addresses()
    before = addresses.urls()
    assert addresses.urls() is before
    place.write("erp: http://new\n")
    place.look_twice()
    assert (addresses.urls(), before) == ({"erp": "http://new"}, {"erp": "http://old"})


def test_faulty_change_leaves_addresses_in_force(place: Place) -> None:
    place.write("erp: http://old\n")
    addresses = place.addresses()
    place.write("erp: old\n")
    place.look_twice()
    assert addresses.urls() == {"erp": "http://old"}


def test_password_comes_from_environment_or_file(place: Place) -> None:
    place.environ["PASSWORD"] = "hunter2"
    (place.folder / "whole").write_text("http://u:hunter3@mail\n")
    place.write("ledger: postgresql://u:${env:PASSWORD}@db/x\nmail: ${file:whole}\n")
    assert place.addresses().urls() == {"ledger": "postgresql://u:hunter2@db/x", "mail": "http://u:hunter3@mail"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("erp: erp.example.com", "1:6: no address"),
        ("erp: 'https://['", "1:6: no address"),
        ("erp: https://x:port", "1:6: no address"),
        ("erp: {}", "1:6: no url"),
        ("erp: {url: http://x, deadline: 5}", "1:22: `deadline` is no key here"),
        ("erp: http://x\nERP: http://y", "2:6: `ERP` stands twice"),
        ("core_bank: http://x\ncore-bank: http://y", "2:12: `core-bank` stands twice"),
        ("'a b': http://x", "'a b' is no name of a connection"),
        ("erp: http://u:hunter2@x", "1:6: a password in the file"),
        ("erp: http://u:${env:NONE}@x", "1:6: the variable NONE is not set"),
        ("erp: [http://x]", "1:6: no text"),
    ],
)
def test_faulty_file_is_told_with_its_place(place: Place, text: str, told: str) -> None:
    place.write(text)
    with pytest.raises(ConfigurationError) as caught:
        place.addresses()
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_recovery_of_a_connection_is_read_and_changes_without_a_restart(place: Place) -> None:
    place.write("erp: {url: http://erp, recovery: {retries: 7, backoff: linear, delay: 500ms, cap: 2m, within: 1h}}\n")
    addresses = place.addresses()
    seven = Policy(retries=7, backoff="linear", delay_ms=500, cap_ms=120_000, within_ms=3_600_000)
    assert (addresses.recovery("erp"), addresses.recovery("mail")) == (seven, None)
    place.write("erp: {url: http://erp, recovery: {retries: 1}}\n")
    place.look_twice()
    assert addresses.recovery("erp") == Policy(retries=1)


def test_limits_of_a_connection_are_read_and_change_without_a_restart(place: Place) -> None:
    place.write("erp: {url: http://erp, concurrency: 4, rate: 90/min, timeout: 5m, patience: 10m}\nmail: http://mail\n")
    addresses = place.addresses()
    erp = addresses.limits("erp")
    assert erp == ConnectionLimits(concurrency=4, per_s=1.5, timeout_s=300, patience_s=600)
    assert addresses.limits("erp") is erp
    assert addresses.limits("mail") is addresses.limits("nowhere")
    place.write("erp: {url: http://erp, concurrency: 5}\n")
    place.look_twice()
    assert addresses.limits("erp") == ConnectionLimits(concurrency=5)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("concurrency: 0", "no number of calls"),
        ("concurrency: many", "no number of calls"),
        ("concurrency: [1]", "no single value"),
        ("rate: 0/s", "no rate"),
        ("rate: 5", "no rate"),
        ("patience: 1 week", "no length of time"),
        ("timeout: 16m", "no time of a try. Remedy: write one of up to 15 minutes"),
        ("timeout: 0s", "no time of a try"),
        ("timeout: long", "no length of time"),
        ("recovery: {retries: often}", "no number of retries"),
        ("recovery: {backoff: wild}", "none of the choices"),
        ("recovery: {delay: soon}", "no length of time"),
        ("recovery: {pauses: 1s}", "`pauses` is no key here"),
        ("burst: 5", "`burst` is no key here"),
    ],
)
def test_faulty_limit_is_told_with_its_place(place: Place, limit: str, reason: str) -> None:
    place.write(f"erp:\n  url: http://erp\n  {limit}\n")
    with pytest.raises(ConfigurationError, match=rf"connections.yaml:3:\d+: {reason}"):
        place.addresses()
