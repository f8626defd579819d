"""`exlify`: one command, its parts loaded when they are asked for.

Each part is a module of this package with a click command named `command`. `SUMMARIES` is the one list of them, so that
`exlify --help` answers at once and loads none.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from difflib import get_close_matches
from typing import Any

import click

from streams.cli._moments import utc_option

EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_PIPE = 141  # 128 + SIGPIPE
EXIT_OUTPUT = 74  # EX_IOERR
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

SUMMARIES = {
    "up": "Start a local system and keep it running.",
    "status": "Show how the whole system is.",
    "down": "Stop the local system of this data folder.",
    "worker": "Run processors.",
    "gateway": "Serve the HTTP interface.",
    "deploy": "Deploy a workflow definition.",
    "definitions": "List, show and compare versions; pause, activate or retire a workflow.",
    "lint": "Check a workflow definition.",
    "graph": "Draw a workflow, or the path of an instance.",
    "events": "Declare types of events, and show them.",
    "functions": "Show what a definition can call.",
    "errors": "Show for which reasons steps fail.",
    "map": "Try, check and draft mappings.",
    "run": "Execute one instance here, without Kafka.",
    "publish": "Publish business events.",
    "files": "See what becomes of files that come in; read them here.",
    "messages": "See what messages of queues, topics and mailboxes become events; take them here.",
    "rows": "See how far rows of databases have become events; read them here.",
    "stress": "Start instances at a rate, and tell what became of them.",
    "outcomes": "Show how instances of a workflow ended.",
    "list": "Find instances.",
    "show": "Show one instance with its history.",
    "cancel": "End instances before their time.",
    "suspend": "Let instances stand still.",
    "resume": "Let suspended instances go on.",
    "move": "Let instances go on with another version of their workflow.",
    "rerun": "Run the case of an instance once more.",
    "bottlenecks": "Tell where the time of instances goes.",
    "report": "Tell how workflows do: rates, times, what time goes to.",
    "incidents": "List and show failed steps that wait for a decision.",
    "letters": "Look at parked records and dead letters; redrive, edit or drop them.",
    "retry": "Do failed steps again.",
    "skip": "Leave a failed step out.",
    "fail": "End an instance with the error of a failed step.",
    "alerts": "List and show alerts; take one on, or silence it.",
    "tasks": "List, show and complete human tasks.",
    "models": "Add, certify and activate models.",
    "rules": "List, check and try decision tables.",
    "decisions": "Show and recompute what models decided.",
    "truth": "Tell what would have been right.",
    "systems": "List outside systems, pause one, resume it.",
    "deliveries": "See which webhooks went out, and send them once more.",
    "site": "Say what would change if the site folder were brought elsewhere.",
    "connections": "List, show and check outside systems.",
    "diagnose": "Write an archive for whoever helps, without secrets.",
    "replay": "Process past events anew, and compare.",
    "replays": "Look at replays; pause, resume or cancel one.",
    "topics": "Show or create the topics.",
    "view": "Make the rows of the read model again.",
}

MODULES = {"list": "instances"}  # a module `list` would hide the built-in in this package


class OutputClosed(Exception):
    """Nobody reads the output any more. Click ends with 1 where it sees that itself."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are invoked."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click has it; raises OutputClosed."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise OutputClosed from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the journey, not of the alphabet."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in SUMMARIES:
            return None
        module = importlib.import_module(f"streams.cli.{MODULES.get(cmd_name, cmd_name)}")
        found: click.Command = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click has it; of a name that is none it says which may be meant."""
        close = get_close_matches(args[0], SUMMARIES, n=1) if args and args[0] not in SUMMARIES else []
        if close:
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the summaries without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON, whatever the command.")
@utc_option
@click.version_option(package_name="exlify")
@click.pass_context
def group(context: click.Context, as_json: bool) -> None:
    """Enterprise processes as streams: a business event in, one outcome out."""
    if as_json:
        context.default_map = {name: _json_defaults(2) for name in SUMMARIES}


def main() -> None:
    """Runs the command line; an expected failure is told on standard error, with an exit code of its own."""
    from streams.cli._output import echo, print_bug, print_refusal
    from streams.ground.errors import ExlifyError

    sys.excepthook = print_bug
    signal.signal(signal.SIGINT, _interrupt)
    try:
        code = group.main(prog_name="exlify", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        print_refusal(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except (OutputClosed, BrokenPipeError):  # the reader, say `head`, has seen enough
        _write_no_more()
        sys.exit(EXIT_PIPE)
    except ExlifyError as error:
        for line in error.lines:
            echo(f"exlify: {line}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK_ERRORS or error.filename is not None:
            raise
        _write_no_more()
        echo(f"exlify: the output cannot be written ({error.strerror}). Write it somewhere else.", err=True)
        sys.exit(EXIT_OUTPUT)
    sys.exit(code if isinstance(code, int) else 0)


def _write_no_more() -> None:
    """What is still to be written to standard output goes nowhere, or the exit would try, and fail, again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(*_: object) -> None:
    """Ctrl-C at once, also in a read that blocks an event loop: asyncio replaces Python's own handler, and no other."""
    raise KeyboardInterrupt


def _json_defaults(depth: int) -> dict[str, Any]:
    """Switches `--json` on, for a command and for those below it."""
    below = {name: _json_defaults(depth - 1) for name in ("list", "show", "complete")} if depth > 1 else {}
    return {"as_json": True, **below}
