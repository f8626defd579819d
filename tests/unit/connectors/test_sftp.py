"""`call: sftp.*` on OpenSSH's server: files whole or not there, none outside of the folder, by a pinned key alone."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.assembly import standard_hub
from connectors.file.content import draft_name
from connectors.hub.contract import HubCall
from connectors.hub.identity import Identity, Ssh
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.reasons import Effect, Reason
from streams.ground.logs import QUIET
from streams.processors.call.checking import check
from tests.support import peers
from tests.support.sftp import SftpServer, running

LIMITS = CallLimits(total_timeout_s=10.0, try_timeout_s=5.0)
CSV = {"type": "csv", "header": True, "delimiter": ";", "lineEnd": "lf"}


def hub_on(server: SftpServer, folder: Path, identity: Identity | None = None, limits: CallLimits = LIMITS) -> Hub:
    known = identity or server.identity
    return standard_hub({"here": server.url(folder)}, limits=limits, identity_of=lambda _: known)


async def on(hub: Hub, function: str, step: str = "k", **arguments: Any) -> CallOutcome:
    return await hub.carry_out(HubCall(function=function, arguments={"connection": "here", **arguments}, key=step))


async def asked(server: SftpServer, folder: Path, function: str, **arguments: Any) -> CallOutcome:
    async with hub_on(server, folder) as hub:
        return await on(hub, function, **arguments)


async def test_what_is_put_is_got_and_listed(sftp: SftpServer, tmp_path: Path) -> None:
    rows = [{"a": "1", "b": "x;y"}, {"a": "2", "b": "ü"}]
    async with hub_on(sftp, tmp_path) as hub:
        put = await on(hub, "sftp.put", file="out/rows.csv", content=rows, format=CSV)
        assert (put.ok, put.effect, put.output["records"]) == (True, Effect.DONE, 2)
        assert (tmp_path / "out" / "rows.csv").read_text() == 'a;b\n1;"x;y"\n2;ü\n'
        assert (await on(hub, "sftp.get", file="out/rows.csv", format=CSV)).output == rows
        assert (await on(hub, "sftp.put", file="a.json", content={"a": 1})).ok
        assert json.loads((await on(hub, "sftp.get", file="a.json")).output) == {"a": 1}
        listed = (await on(hub, "sftp.list", folder="out", match="*.csv")).output
        assert [(each["file"], each["bytes"]) for each in listed["files"]] == [("out/rows.csv", 17)]


async def test_a_file_is_replaced_whole_or_not_at_all(sftp: SftpServer, tmp_path: Path) -> None:
    async with hub_on(sftp, tmp_path) as hub:
        for content in ("old", "new"):
            assert (await on(hub, "sftp.put", file="a.txt", content=content)).ok
        assert (tmp_path / "a.txt").read_text() == "new"
        kept = await on(hub, "sftp.put", file="a.txt", content="other", replace=False)
        assert (kept.reason, kept.effect) == (Reason.ALREADY_DONE, Effect.NONE)
        again = await on(hub, "sftp.put", file="a.txt", content="new", replace=False)
        assert again.ok
        assert (tmp_path / "a.txt").read_text() == "new"
        assert os.listdir(tmp_path) == ["a.txt"], "no draft is left"


@pytest.mark.parametrize("replace", [True, False])
async def test_what_a_killed_put_has_left_is_removed_by_the_next_try_and_by_no_other(
    sftp: SftpServer, tmp_path: Path, replace: bool
) -> None:
    left = [tmp_path / draft_name("a.txt", "k", number) for number in (0, 1)]
    foreign = tmp_path / draft_name("a.txt", "other", 0)
    async with hub_on(sftp, tmp_path) as hub:
        for _ in range(2):  # the second time the file is there
            for each in (*left, foreign):
                each.write_text("half of")
            assert (await on(hub, "sftp.put", file="a.txt", content="all of it", replace=replace)).ok
            assert (tmp_path / "a.txt").read_text() == "all of it"
            assert sorted(os.listdir(tmp_path)) == sorted(["a.txt", foreign.name])


async def test_of_two_that_put_one_name_without_replacing_one_wins(sftp: SftpServer, tmp_path: Path) -> None:
    async with hub_on(sftp, tmp_path) as hub:
        contents = [f"{number}" * 1_000 for number in range(6)]
        puts = [on(hub, "sftp.put", each[:1], file="claim", content=each, replace=False) for each in contents]
        outcomes = await asyncio.gather(*puts)
    assert sorted(each.reason for each in outcomes) == sorted([Reason.OK] + [Reason.ALREADY_DONE] * 5)
    (winner,) = (content for content, each in zip(contents, outcomes, strict=True) if each.ok)
    assert (tmp_path / "claim").read_text() == winner
    assert os.listdir(tmp_path) == ["claim"]


async def test_a_file_is_moved_once_and_never_over_another(sftp: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    async with hub_on(sftp, tmp_path) as hub:
        moved = [await on(hub, "sftp.move", file="a.txt", to="done/a.txt") for _ in range(2)]
        assert [each.output["moved"] for each in moved] == [True, False]
        (tmp_path / "b.txt").write_text("b")
        over = await on(hub, "sftp.move", file="b.txt", to="done/a.txt")
        assert (over.reason, over.effect) == (Reason.ALREADY_DONE, Effect.NONE)
        missing = await on(hub, "sftp.move", file="c.txt", to="done/c.txt")
        assert (missing.reason, missing.effect) == (Reason.NOT_FOUND, Effect.NONE)
    assert (tmp_path / "done" / "a.txt").read_text() == "a"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ".hidden", "a/.ssh/x", "a\nb", "a/", "a\\b"])
async def test_a_name_that_leads_elsewhere_is_refused(sftp: SftpServer, tmp_path: Path, name: str) -> None:
    async with hub_on(sftp, tmp_path) as hub:
        for outcome in (
            await on(hub, "sftp.put", file=name, content="x"),
            await on(hub, "sftp.get", file=name),
            await on(hub, "sftp.list", folder=name),
            await on(hub, "sftp.move", file="a", to=name),
        ):
            assert (outcome.reason, outcome.effect) == (Reason.INPUT_INVALID, Effect.NONE)


async def test_a_link_out_of_the_folder_is_not_followed(sftp: SftpServer, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    async with hub_on(sftp, folder) as hub:
        for outcome in (
            await on(hub, "sftp.get", file="link"),
            await on(hub, "sftp.get", file="out/secret"),
            await on(hub, "sftp.put", file="out/secret", content="y"),
            await on(hub, "sftp.put", file="out/new/secret", content="y"),
            await on(hub, "sftp.list", folder="out"),
            await on(hub, "sftp.move", file="out/secret", to="mine"),
        ):
            assert (outcome.reason, outcome.effect) == (Reason.POLICY_DENIED, Effect.NONE)
    assert (tmp_path / "secret").read_text() == "x"
    assert not (tmp_path / "new").exists()


async def test_what_is_not_there_or_too_much_has_its_reason(sftp: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 600_000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    async with hub_on(sftp, tmp_path) as hub:
        for file, reason in (
            ("none", Reason.NOT_FOUND),
            ("large", Reason.REPLY_TOO_LARGE),
            ("folder", Reason.INPUT_INVALID),
            ("bytes", Reason.CONTRACT_DRIFT),
        ):
            assert (await on(hub, "sftp.get", file=file)).reason is reason
    assert (await asked(sftp, tmp_path / "gone", "sftp.get", file="a")).reason is Reason.UNREACHED


async def test_a_server_with_another_key_is_not_spoken_to(sftp: SftpServer, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    async with hub_on(sftp, tmp_path, Identity(ssh=Ssh((other,), sftp.key))) as hub:
        outcome = await on(hub, "sftp.put", file="a", content="x")
    assert (outcome.reason, outcome.effect) == (Reason.MISCONFIGURED, Effect.NONE)
    assert "pinned" in outcome.detail
    both = Identity(ssh=Ssh((other, sftp.host_key), sftp.key))
    async with hub_on(sftp, tmp_path, both) as hub:
        assert (await on(hub, "sftp.put", file="a", content="x")).ok, "while the key changes, both count"


@pytest.mark.parametrize("identity", [Identity(), Identity(ssh=Ssh(()))])
async def test_a_missing_host_key_says_what_to_write(sftp: SftpServer, tmp_path: Path, identity: Identity) -> None:
    async with hub_on(sftp, tmp_path, identity) as hub:
        outcome = await on(hub, "sftp.put", file="a", content="x")
    assert (outcome.reason, outcome.effect) == (Reason.MISCONFIGURED, Effect.NONE)
    assert "hostKey" in outcome.detail and "ssh-keyscan" in outcome.detail


async def test_a_key_that_the_server_does_not_know_is_a_stale_connection(sftp: SftpServer, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    async with hub_on(sftp, tmp_path, Identity(ssh=Ssh((sftp.host_key,), other))) as hub:
        outcome = await on(hub, "sftp.get", file="a")
    assert (outcome.reason, outcome.effect) == (Reason.CONNECTION_STALE, Effect.NONE)
    assert "PRIVATE" not in outcome.detail


async def test_what_does_not_answer_is_cut_in_time(sftp: SftpServer, tmp_path: Path) -> None:
    quick = CallLimits(total_timeout_s=1.0, try_timeout_s=0.5)
    async with peers.peer(peers.never_answers) as silent:
        url = f"sftp://exlify@127.0.0.1:{silent.url.rpartition(':')[2]}{tmp_path}"
        async with standard_hub({"here": url}, limits=quick, identity_of=lambda _: sftp.identity) as hub:
            outcome = await on(hub, "sftp.put", file="a", content="x")
    assert (outcome.reason, outcome.effect) == (Reason.TIMED_OUT, Effect.NONE)


async def test_a_connection_is_kept_and_one_that_broke_meanwhile_is_no_fault_of_the_server(tmp_path: Path) -> None:
    with running() as server:
        async with hub_on(server, tmp_path) as hub:
            assert (await on(hub, "sftp.put", file="a", content="x")).ok
            server.stop()
            server.start()
            outcomes = [await on(hub, "sftp.put", file="a", content="y") for _ in range(2)]
        assert outcomes[-1].ok
        assert all(each.effect in (Effect.NONE, Effect.DONE) for each in outcomes)
        assert (tmp_path / "a").read_text() == "y"


async def test_many_calls_leave_no_connection_and_no_task_behind(sftp: SftpServer, tmp_path: Path) -> None:
    async with hub_on(sftp, tmp_path) as hub:
        before = len(asyncio.all_tasks())
        for number in range(30):
            assert (await on(hub, "sftp.put", file="a", content=str(number))).ok
        assert len(asyncio.all_tasks()) <= before + 2, "those of the one connection that is kept"


async def test_the_logs_name_no_user_and_no_file(
    sftp: SftpServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in QUIET:  # as every process has it
        caplog.set_level(logging.ERROR, name)
    with caplog.at_level(logging.INFO):
        assert (await asked(sftp, tmp_path, "sftp.put", file="jane-doe.txt", content="x")).ok
        await asked(sftp, tmp_path, "sftp.get", file="john-doe.txt")
    assert "doe" not in caplog.text and getpass.getuser() not in caplog.text


async def test_a_connection_is_checked_by_a_look_into_its_folder(sftp: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for folder, reason in (("there", Reason.OK), ("gone", Reason.UNREACHED)):
        url = sftp.url(tmp_path / folder)
        async with hub_on(sftp, tmp_path / folder) as hub:
            found = await check("here", url, hub)
        assert found.reason == reason, found.detail
