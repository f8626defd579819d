"""A Python that was not built for use is recognised by how it was configured, and by where it lies."""

from __future__ import annotations

import sys
import sysconfig

import pytest

from streams.ground.interpreter import built_plainly


@pytest.mark.parametrize(
    ("options", "prefix", "plainly"),
    [
        ("'--prefix=/opt/python/3.11.7' '--enable-shared'", "/opt/python/3.11.7", True),
        ("'--enable-optimizations' '--with-lto'", "/opt/python/3.11.7", False),
        ("'--enable-shared' '--prefix=/usr'", "/usr", False),  # Debian builds with profiles, and does not say so there
        (None, "C:/Python311", False),
    ],
)
def test_build_is_recognised(options: str | None, prefix: str, plainly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: options)
    monkeypatch.setattr(sys, "base_prefix", prefix)
    assert built_plainly() is plainly
