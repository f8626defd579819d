"""Which own steps a command means: those of `--steps`, else those of `steps/` in the site folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streams.ground.settings import Settings
    from streams.language import Fault
    from streams.steps.loading import Steps

FOLDER = "steps"
BUNDLED = Path(__file__).parents[1] / "workflows" / FOLDER
"""Steps of the workflows that are delivered."""

steps_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--steps",
    "places",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A Python file with steps of your own, or a folder of them; may be repeated. Default: steps/ of the site "
    "folder, and beside the definition, where they are there.",
)


def step_places(given: Sequence[Path], settings: Settings, beside: Sequence[Path] = ()) -> tuple[Path, ...]:
    """The files and folders meant; `beside` are definitions, which may have theirs in a folder next to them."""
    usual = dict.fromkeys((folder / FOLDER).resolve() for folder in (settings.site_dir, *(f.parent for f in beside)))
    return tuple(given) or tuple(filter(_has_files, usual))


def own_steps(given: Sequence[Path], settings: Settings, beside: Sequence[Path] = ()) -> Steps:
    """The steps meant; raises UsageError for a file that cannot be used."""
    places = step_places(given, settings, beside)
    if not places:
        return ()
    from streams.steps.loading import load_steps

    return load_steps(places)


def undeclared_effects(steps: Steps) -> list[Fault]:
    """A warning for each step that does not say what it does to the world."""
    from streams.language import Fault, Severity

    remedy = "add effect='read', 'idempotent', 'keyed' or 'pure' to @step if one is true, or 'blind' to say so"
    return [
        Fault(
            file=_shown(step.file),
            line=step.line,
            column=1,
            code="effect",
            message=f"{step.name} declares no effect and is never repeated",
            remedy=remedy,
            severity=Severity.WARNING,
        )
        for step in _silent(steps)
    ]


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _silent(steps: Steps) -> Iterable[Any]:
    return (step for step in steps if not step.effect_declared)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.py"))
