"""A real mail server with mailboxes for the tests that need one: Dovecot, private and short-lived, on loopback.

It needs Dovecot's IMAP server, which `make peers` installs. Where it is missing, the tests are skipped with the reason;
in continuous integration they fail.
"""

from __future__ import annotations

import getpass
import imaplib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from infra.local import ports
from tests.support.waiting import PATIENCE_S

PASSWORD = 'pass"word\\'
WRITTEN = "pass%22word%5C"  # as it stands in an address
CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
mail_privileged_group =
first_valid_uid = 1
auth_failure_delay = 0
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={own_group} home={folder}/homes/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Archive {{
    auto = create
  }}
}}
"""


class Dovecot:
    """A server with the mailbox of `desk`."""

    def __init__(self, program: str) -> None:
        (self.port,) = ports.new(1)
        self.url = f"imap://desk:{WRITTEN}@127.0.0.1:{self.port}"
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="exlify-dovecot-", dir="/tmp"))
        self._folder.chmod(0o755)
        is_root = os.geteuid() == 0
        us = getpass.getuser()
        user, group = ("nobody", "nogroup") if is_root else (us, us)
        (self._folder / "homes" / "desk").mkdir(parents=True)
        if is_root:
            for each in (self._folder / "homes", self._folder / "homes" / "desk"):
                shutil.chown(each, user, group)
        (self._folder / "users").write_text(f"desk:{{PLAIN}}{PASSWORD}\n")
        (self._folder / "config").write_text(
            CONFIG.format(
                folder=self._folder,
                port=self.port,
                user=user,
                own_group=group,
                internal="dovecot" if is_root else us,
                group="dovecot" if is_root else us,
                login="dovenull" if is_root else us,
            )
        )
        for name in ("users", "config"):
            (self._folder / name).chmod(0o644)  # whatever others have made of the umask
        self.start()

    def start(self) -> None:
        """Starts it, and returns once somebody can log in."""
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [self._program, "-F", "-c", str(self._folder / "config")], stdout=out, stderr=out
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.connected().logout()
                return
            except (OSError, imaplib.IMAP4.error):
                time.sleep(0.02)
        said = [each.read_text() for each in (self._folder / "out", self._folder / "log") if each.exists()]
        self.stop()
        raise AssertionError("\n".join(said))

    def connected(self) -> imaplib.IMAP4:
        """A client that is logged in."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=PATIENCE_S)
        client.login("desk", PASSWORD)
        return client

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Mails arrive."""
        client = self.connected()
        for each in mails:
            assert client.append(folder, "", "", each)[0] == "OK"
        client.logout()

    def count(self, folder: str, *criteria: str) -> int:
        """How many mails of a folder are like that; all unless something is said."""
        client = self.connected()
        client.select(folder, readonly=True)
        _, (found,) = client.search(None, *(criteria or ("ALL",)))
        client.logout()
        return len(found.split())

    def empty(self) -> None:
        """No mail is left."""
        client = self.connected()
        for folder in ("INBOX", "Archive"):
            _, (count,) = client.select(folder)
            if count != b"0":
                client.store("1:*", "+FLAGS", r"(\Deleted)")
                client.expunge()
        client.logout()

    def stop(self) -> None:
        """Ends it with all its connections, as a crash would."""
        children = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        for each in (*children, self._process):
            with suppress(psutil.NoSuchProcess):  # it has ended by itself
                each.kill()
        self._process.wait()

    def remove(self) -> None:
        """Ends it for good."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A server that answers."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
    if program is None or not Path("/usr/lib/dovecot/imap").exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Dovecot is installed: make peers")
    server = Dovecot(program)
    yield server
    server.remove()
