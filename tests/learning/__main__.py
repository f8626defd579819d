"""Runs the loop on a site of its own and writes what came of it: `python -m tests.learning --data train.csv.gz`.

Prints a line of JSON for each day, and a summary last; writes a page with the plot.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from models.decisions.marketing_response.data import Data
from tests.acceptance.site import working
from tests.learning.loop import WORKFLOW, Loop, Size, made
from tests.learning.plot import page, summary
from tests.learning.subjects import BUNDLED_NAME, FOREIGN_NAME
from tests.support import brokers


def main() -> int:
    """The exit code."""
    usual = Size()
    parser = argparse.ArgumentParser(prog="python -m tests.learning", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="calls of a bank in the order of time, train.csv.gz")
    parser.add_argument("--page", type=Path, default=Path("learning.html"), help="where the plot goes")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--every", type=int, default=usual.every, help="take each nth call only")
    parser.add_argument("--days", type=int, default=usual.days, help="that the calls are spread over")
    parser.add_argument("--audit", type=int, default=usual.audit, help="per cent of what goes alone")
    parser.add_argument("--error", type=float, default=usual.error, help="of people, who know the truth else")
    parser.add_argument("--kills", type=int, default=usual.kills, help="of workers and of learning")
    parser.add_argument("--labels", type=int, default=usual.labels, help="that learning wants at least")
    parser.add_argument("--target", type=float, default=usual.target, help="of challengers; the first one has 8 %%")
    parser.add_argument("--promote-after", type=int, default=usual.promote_after, help="live cases in the shadow")
    parser.add_argument("--foreign", action="store_true", help="a model that the project has not made")
    options = vars(parser.parse_args())
    data, target = Data.read(options.pop("data")), options.pop("page")
    size = Size(**options)
    name = FOREIGN_NAME if size.foreign else BUNDLED_NAME
    with tempfile.TemporaryDirectory() as place:
        folder = made(Path(place))
        environ = {"EXLIFY_SITE_DIR": str(folder / "site")}
        with (
            brokers.chosen(folder).kafka() as bootstrap,
            working(bootstrap, folder, {}, (WORKFLOW,), **environ) as site,
        ):
            days = asyncio.run(Loop(site, data, size, name).run())
    target.write_text(page(name, days, size))
    print(json.dumps({**summary(days, size), "page": str(target)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
