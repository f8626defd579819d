"""A site folder with models for tests, and commands in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from streams.cli import group
from streams.ground.errors import ExlifyError


class ModelSite:
    """A site folder without a running Exlify, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"EXLIFY_SITE_DIR": str(folder), "EXLIFY_DATA_DIR": str(folder / "data")}

    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(group, [str(each) for each in arguments], env=self.environ)

    def json(self, *arguments: object, code: int = 0) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output + repr(result.exception)
        return json.loads(result.stdout)

    def refused(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert isinstance(result.exception, ExlifyError), result.output + repr(result.exception)
        (line,) = result.exception.lines
        return line
