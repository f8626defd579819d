"""Steps in files of the user: a file, or a folder of them."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from streams.ground.errors import UsageError
from streams.steps.declared import Step
from streams.steps.types import WrongSignatureError

PACKAGE = "exlify_steps"  # under which the files stand in `sys.modules`, so that none hides another module

Steps = tuple[Step[..., Any], ...]


def load_steps(places: Iterable[Path]) -> Steps:
    """The steps of files and folders; raises UsageError, with the place, for what cannot be used."""
    found: dict[str, Step[..., Any]] = {}
    for file in (each for place in places for each in files_of(place)):
        for step in _steps_of(file):
            known = found.setdefault(step.name, step)
            if known is not step:
                raise UsageError(f"{step.file}:{step.line}: {step.name} stands in {known.file}:{known.line}, too.")
    return tuple(found.values())


def files_of(place: Path) -> list[Path]:
    """The Python files that a place means: itself, or those of the folder whose names begin without an underscore."""
    if not place.is_dir():
        return [place]
    return sorted(file for file in place.glob("*.py") if not file.name.startswith("_"))


def _steps_of(file: Path) -> list[Step[..., Any]]:
    module = _loaded(file)
    here = str(file.resolve())
    found = [each for each in vars(module).values() if isinstance(each, Step) and each.file == here]
    if not found:
        raise UsageError(f"{file}: no step in it. Write @step('area.name') above a function.")
    return list(dict.fromkeys(found))


def _loaded(file: Path) -> ModuleType:
    path = file.resolve()
    name = f"{PACKAGE}.{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file}: no Python file. Name a file that ends in .py, or a folder of them.")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # behind all others: its modules hide none
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except WrongSignatureError as error:
        raise UsageError(f"{error}.") from None
    except FileNotFoundError as error:
        raise _unreadable(file, error, path) from None
    except BaseException as error:  # the file is the user's, and may do anything
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _unreadable(file, error, path) from None
    return module


def _unreadable(file: Path, error: BaseException, path: Path) -> UsageError:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else lines[-1] if lines else 1
    return UsageError(f"{file}:{line}: {type(error).__name__}: {error}. Mend it; `python {file}` shows more.")
