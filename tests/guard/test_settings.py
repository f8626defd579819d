"""Every setting is declared by its owner: nobody reads the environment past the declarations, and none is forgotten."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from streams.catalogue import GROUPS
from streams.ground.setting import PLACEHOLDER, Group, Spec, specs
from streams.ground.variables import FOR_TESTS

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams", "schemas", "connectors", "models", "infra")
SPECS: list[Spec] = [spec for group in GROUPS for spec in specs(group).values()]
READERS = {
    "infra/local/artifacts.py": "XDG_CACHE_HOME, the user's folder for caches",
    "infra/local/java.py": "what a server inherits",
    "infra/local/progress.py": "TERM, which says whether a line can be written again",
    "infra/local/process.py": "what a child inherits",
    "streams/cli/_models_trainer.py": "what a trainer inherits: nothing of ours",
    "streams/catalogue.py": "hands it to the loading of settings",
    "streams/ground/arenas.py": "MALLOC_ARENA_MAX, by which the C library is told what is told it here",
    "streams/ground/settings.py": "the loading itself",
    "streams/ground/site.py": "what ${env:NAME} stands for",
    "streams/ground/terminal.py": "NO_COLOR and TERM, which every command honours",
}
"""The only modules that may look at the environment, and what for."""

INVENTED = re.compile(r"EXLIFY_(BAKERY|THING|HOOKS?|CONNECTIONS?|CONECTION)_\w+|EXLIFY_CALL_MAX_OUTPUT_BYTES")
"""Names that tests and the recipes of CONTRIBUTING.md make up."""

every_test_of_settings = {"tests/unit/ground/test_settings.py", "tests/guard/test_settings.py"}


def test_every_variable_in_the_files_is_declared() -> None:
    found = {(path, name) for path in _tracked() for name in re.findall(r"EXLIFY_[A-Z0-9_]*[A-Z0-9]", _text(path))}
    unknown = sorted(
        f"{path}: {name}"
        for path, name in found
        if path not in every_test_of_settings and not _is_declared(name) and not INVENTED.fullmatch(name)
    )
    assert not unknown, "declare it with its owner, see streams/ground/setting.py"


def test_environment_is_read_in_few_known_places() -> None:
    found = {str(path.relative_to(ROOT)) for path in _modules() if _reads_environment(ast.parse(path.read_text()))}
    assert found == set(READERS)


def test_every_group_is_in_the_catalogue() -> None:
    for path in _modules():
        if "Group)" in path.read_text():
            import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    ours = {each for each in Group.__subclasses__() if each.__module__.startswith(PACKAGES)}
    assert ours == set(GROUPS)


def test_no_variable_is_declared_by_two_owners() -> None:
    counted = Counter(spec.variable for spec in SPECS)
    assert [variable for variable, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.variable)
def test_declaration_says_all_that_people_need(spec: Spec) -> None:
    assert re.fullmatch(rf"EXLIFY(_[A-Z0-9]+|_{PLACEHOLDER})+", spec.variable)
    assert spec.prose[0].isupper() and not spec.prose.endswith(".")
    assert spec.is_family or not spec.default or spec.kind.read(str(spec.default)) == spec.default


def _is_declared(name: str) -> bool:
    """Whether a setting has the name, or one of a family begins with it."""
    plain = {*(spec.variable for spec in SPECS), *(spec.file_variable for spec in SPECS), *FOR_TESTS}
    heads = tuple(variable.partition(PLACEHOLDER)[0] for variable in plain if variable and PLACEHOLDER in variable)
    return name in plain or name.startswith(heads) or f"{name}_" in heads


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if not path.endswith((".lock", ".onnx")) and (ROOT / path).exists()]


def _text(path: str) -> str:
    return (ROOT / path).read_bytes().decode(errors="ignore")


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _reads_environment(tree: ast.Module) -> bool:
    names = {"environ", "environb", "getenv"}
    return any(
        (
            (isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.value, ast.Name))
            and node.value.id == "os"
        )
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {each.name for each in node.names})
        for node in ast.walk(tree)
    )
