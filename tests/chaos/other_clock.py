"""`exlify` by a clock that is wrong: `python -m tests.chaos.other_clock worker ...`.

By how many seconds, the file `clock` of the data folder says, anew whenever it changes: so the clock on the wall steps,
and time passes as ever.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

FILE = "clock"
LOOK_S = 0.2
_right_s, _right_ns = time.time, time.time_ns
_wrong_by_s = 0


def _follow(file: Path) -> None:
    global _wrong_by_s  # there is one clock
    while True:
        if file.exists():
            _wrong_by_s = int(file.read_text() or 0)
        time.sleep(LOOK_S)


if __name__ == "__main__":
    time.time = lambda: _right_s() + _wrong_by_s
    time.time_ns = lambda: _right_ns() + _wrong_by_s * 10**9
    threading.Thread(target=_follow, args=(Path(os.environ["EXLIFY_DATA_DIR"]) / FILE,), daemon=True).start()
    from streams import cli  # only now: whoever takes the clock at its import takes this one

    sys.argv[0] = "exlify"
    cli.main()
