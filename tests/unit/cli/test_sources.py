"""Lists of the sources of a site: `exlify messages list` and `files list` say which of them cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli import group
from streams.ground.errors import UsageError

MESSAGES = """
orders: {connection: Partner, from: orders, type: com.example.order.v1}
trades: {connection: partner, from: trades, type: com.example.trade.v1, avro: their-registry}
mails: {connection: mailbox, from: INBOX, type: com.example.mail.v1}
"""


def listed(folder: Path, *arguments: str) -> Result:
    (folder / "messages.yaml").write_text(MESSAGES)
    (folder / "connections.yaml").write_text("partner: kafkas://broker.example.com:9093\n")
    environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder)}
    return CliRunner(env=environ).invoke(group, ["messages", "list", *arguments])


def test_sources_are_listed_and_those_without_an_address_say_so(tmp_path: Path) -> None:
    told = {each["source"]: each for each in json.loads(listed(tmp_path, "--json").output)["messages"]}
    assert told["orders"]["fault"] is None
    assert told["mails"]["fault"].startswith("connection mailbox has no address; add it to connections.yaml")
    assert told["trades"]["fault"].startswith("connection their-registry has no address")


def test_fault_stands_below_its_source(tmp_path: Path) -> None:
    lines = listed(tmp_path).output.splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("mails")]
    assert lines[at + 1].startswith("  connection mailbox has no address")
    assert sum("has no address" in line for line in lines) == 2


def test_folder_that_is_not_there_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("x\n1\n")
    of = "match: '*.csv', format: {type: csv, header: true}, type: com.example.row.v1"
    (tmp_path / "files.yaml").write_text(
        f"gone: {{folder: {tmp_path}/no, {of}}}\nthere: {{folder: {tmp_path}/in, {of}}}\n"
    )
    environ = {"EXLIFY_SITE_DIR": str(tmp_path), "EXLIFY_DATA_DIR": str(tmp_path)}

    def ask(*arguments: str) -> Result:
        return CliRunner(env=environ).invoke(group, ["files", "list", *arguments])

    told = ask("--json")
    found = json.loads(told.output)
    assert told.exit_code == 1 and list(found["faults"]) == ["gone"]
    assert [(each["source"], each["file"], each["state"]) for each in found["files"]] == [("there", "a.csv", "waits")]
    assert "a.csv" in ask().output and "! gone: files: " in ask().output
    assert ask("there").exit_code == 0 and isinstance(ask("gone").exception, UsageError)
