"""Addresses of servers: what is none is told as such by every connector, and quotes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.amqp.address import server_of as amqp
from connectors.hub.contract import Refused
from connectors.hub.servers import split
from connectors.kafka.address import cluster_of as kafka
from connectors.kafka.registries import access_of as registry
from connectors.mail.inlet import mailbox_of as mailbox
from connectors.sftp.address import server_of as sftp
from schemas.reasons import Reason

SECRET = "geheim"
WRONG = ("%s://me:geheim@[host", "%s://me:geheim@host:geheim", "%s://me:geheim@host:99999", "%s://", "geheim")
READ: dict[str, Callable[[str, str, Any], Any]] = {
    "amqps": amqp, "kafkas": kafka, "imaps": mailbox, "sftp": sftp, "https": lambda name, url, _: registry(name, url)
}  # fmt: skip


@pytest.mark.parametrize("scheme", READ)
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_address_is_refused_and_not_quoted(scheme: str, wrong: str) -> None:
    with pytest.raises(Refused) as caught:
        READ[scheme]("partner", wrong % scheme if "%s" in wrong else wrong, None)
    outcome = caught.value.outcome
    assert (outcome.reason, "connection partner" in outcome.detail) == (Reason.MISCONFIGURED, True)
    assert SECRET not in outcome.detail


def test_parts_are_taken_as_they_are_meant() -> None:
    found = split("amqps://m%40e:p%3Aw@Host/a%2Fb?x=1", {"amqps": 5671})
    assert found is not None
    assert (found.host, found.port, found.user, found.password) == ("host", 5671, "m@e", "p:w")
    assert (found.path, found.query) == ("/a%2Fb", "x=1")
