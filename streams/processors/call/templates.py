"""Texts of the site folder, `templates/NAME`, filled with data, and the step that asks for one.

Jinja, in a sandbox: a template sees its input and nothing else. What ends with .html or .xml is escaped by itself. A
change counts at once; what is not there in the input is an error and no gap.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.functions import ArgumentError
from schemas.payload import Door, Json, Payload, UnreadablePayloadError
from schemas.reasons import Reason
from schemas.steps import completed, faulted, problem
from streams.processors import call

FOLDER = "templates"
MAX_CHARACTERS = 256 * 1024
ESCAPED = (".html", ".xml")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9]{1,8}){1,2}")
_UNDEFINED = re.compile(r"'[A-Za-z_][A-Za-z0-9_]*' is undefined")


class TemplateError(Exception):
    """A text that cannot be made: why, and whose fault it is. It quotes no data."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Templates:
    """The templates of a site."""

    def __init__(self, folder: Path) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder / FOLDER),
            autoescape=lambda name: bool(name) and str(name).endswith(ESCAPED),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )

    def render(self, name: str, value: Json) -> str:
        """The text; members of an object are names in the template, and `input` is all of it. Raises TemplateError."""
        if not _NAME.fullmatch(name):  # it may be data, so it is not quoted
            raise TemplateError(Reason.INPUT_INVALID, "the name is not one of a template; write order-thanks.html")
        given = {**value, "input": value} if isinstance(value, dict) else {"input": value}
        parts, size = [], 0
        try:
            for part in self._environment.get_template(name).generate(given):
                size += len(part)
                if size > MAX_CHARACTERS:
                    raise TemplateError(Reason.INPUT_INVALID, f"it would be longer than {MAX_CHARACTERS} characters")
                parts.append(part)
        except TemplateNotFound as error:
            missing = f"there is no {FOLDER}/{name} in the site folder; write it"
            if error.name != name:  # which may be data
                missing = f"{FOLDER}/{name} includes what is not there"
            raise TemplateError(Reason.MISCONFIGURED, missing) from None
        except TemplateSyntaxError as error:
            raise TemplateError(Reason.MISCONFIGURED, f"line {error.lineno}: {error.message}") from None
        except UndefinedError as error:
            names = _UNDEFINED.fullmatch(error.message or "")
            told = names[0] if names else "a member of what it is filled with is not there"  # whose name may be data
            raise TemplateError(Reason.INPUT_INVALID, f"{told}; write `| default('')` where it may be") from None
        except SecurityError:
            raise TemplateError(Reason.POLICY_DENIED, "it asks for what templates may not see") from None
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, UnicodeError) as error:
            told = f"its input does not fit an expression in it ({type(error).__name__})"
            raise TemplateError(Reason.INPUT_INVALID, told) from None
        return "".join(parts)


async def filled(command: Mapping[str, Any], templates: Templates) -> dict[str, Any]:
    """The StepResult of a step that asks for a text."""
    try:
        asked = call.TEMPLATE.read(command["arguments"].value())
        found = await asyncio.to_thread(templates.render, str(asked["name"]), asked["input"])
    except (ArgumentError, UnreadablePayloadError) as error:
        return faulted(command, problem(Reason.INPUT_INVALID, str(error), command["pointer"]))
    except TemplateError as error:
        return faulted(command, problem(error.reason, f"template: {error}", command["pointer"]))
    return completed(command, Payload.from_outside(found, Door.RESULT))
