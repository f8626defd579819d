"""Whether the Python that runs this was built for use: where it was not, everything takes longer."""

from __future__ import annotations

import os
import sys
import sysconfig

SYSTEM = "/usr"  # whose Python a distribution has built, whatever it says of that
REMEDY = "name another with make PYTHON=..., or build it so: PYTHON_CONFIGURE_OPTS='--enable-optimizations --with-lto'"


def built_plainly() -> bool:
    """Whether it was built from source without the optimisations of builds for use, as pyenv does unless told.

    The same work then takes about 1.6 times as long.
    """
    options = sysconfig.get_config_var("CONFIG_ARGS")
    known = os.name == "posix" and sys.implementation.name == "cpython" and isinstance(options, str)
    return known and "--enable-optimizations" not in options and sys.base_prefix != SYSTEM
