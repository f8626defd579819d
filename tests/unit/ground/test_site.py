"""Site files: read at the start, followed, and never worse than before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streams.ground.errors import ConfigurationError
from streams.ground.probes import SiteProbe
from streams.ground.site import MAX_BYTES, Site, SiteFile
from streams.ground.site_yaml import MAX_LEVELS, Part
from tests.support.waiting import PATIENCE_S

NAME = "colours.yaml"
HIDDEN = "hunter2"


def colours(document: Part | None) -> Mapping[str, str]:
    return {} if document is None else {name: part.text() for name, part in document.members().items()}


def opened(folder: Path, **environ: str) -> SiteFile[Mapping[str, str]]:
    return SiteFile(folder / NAME, colours, environ)


def write(folder: Path, text: str, name: str = NAME) -> None:
    (folder / name).write_text(text)


def looked_at_twice(file: SiteFile[Mapping[str, str]]) -> Mapping[str, str]:
    file.look()
    file.look()
    return file.value


def faulty(name: str = NAME) -> float | None:
    return REGISTRY.get_sample_value("exlify_site_file_faulty", {"file": name})


def digests(name: str) -> list[str]:
    samples = [each for metric in REGISTRY.collect() for each in metric.samples]
    return [
        each.labels["digest"]
        for each in samples
        if each.name == "exlify_site_file_info" and each.labels["file"] == name
    ]


def refusal(folder: Path, text: str) -> str:
    write(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        opened(folder, PASSWORD=HIDDEN)
    assert len(caught.value.lines) == 1
    assert HIDDEN not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder / NAME}:")


def test_file_is_read_at_the_start(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    assert opened(tmp_path).value == {"sky": "blue"}


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "~\n", "{}"])
def test_file_without_content_counts_as_empty(tmp_path: Path, text: str) -> None:
    assert opened(tmp_path).value == {}
    write(tmp_path, text)
    assert opened(tmp_path).value == {}


def test_change_is_applied_without_a_restart(tmp_path: Path) -> None:
    file = opened(tmp_path)
    write(tmp_path, "sky: blue\n")
    assert looked_at_twice(file) == {"sky": "blue"}


def test_half_written_file_is_never_applied(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\nsea: green\n")
    file = opened(tmp_path)
    write(tmp_path, "sky: blue\n")
    file.look()
    write(tmp_path, "sky: red\nsea: green\n")
    file.look()
    assert file.value == {"sky": "blue", "sea": "green"}
    file.look()
    assert file.value == {"sky": "red", "sea": "green"}


def test_change_of_same_size_and_time_is_seen(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    file, was = opened(tmp_path), (tmp_path / NAME).stat()
    write(tmp_path, "sky: grey\n")
    os.utime(tmp_path / NAME, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert looked_at_twice(file) == {"sky": "grey"}


def test_faulty_change_leaves_the_old_value(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    file = opened(tmp_path)
    write(tmp_path, "sky: blue\nsea: [1, 2]\n")
    with capture_logs() as lines:
        assert looked_at_twice(file) == {"sky": "blue"}
        file.look()
    (line,) = lines
    assert (line["file"], line["line"], line["column"]) == (str(tmp_path / NAME), 2, 6)
    assert line["reason"] and line["remedy"]


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    site, inner = Site(tmp_path, {}), f"mappings/{NAME}"
    (tmp_path / "mappings").mkdir()
    for name in (NAME, inner):
        write(tmp_path, "sky: blue\n", name)
        site.file(name, colours)
    write(tmp_path, "sky\n", inner)
    site.look()
    site.look()
    assert (faulty(inner), faulty(NAME), [*site.faults]) == (1, 0, [inner])


async def test_process_with_a_faulty_file_is_ready_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    site = Site(tmp_path, {})
    site.file(NAME, colours)
    assert await SiteProbe(site).causes() == []
    write(tmp_path, "sky: blue\nsea: [1, 2]\n")
    site.look()
    site.look()
    (cause,) = await SiteProbe(site).causes()
    assert (cause.part, cause.degraded, cause.mild) == (NAME, True, True) and cause.reason.startswith("line 2: ")
    write(tmp_path, "sky: grey\n")
    site.look()
    site.look()
    assert await SiteProbe(site).causes() == []


def test_faulty_file_shows_in_the_metrics(tmp_path: Path) -> None:
    name = "measured.yaml"
    write(tmp_path, "sky: blue\n", name)
    file = SiteFile(tmp_path / name, colours, {})
    (before,) = digests(name)
    write(tmp_path, "sky\n", name)
    looked_at_twice(file)
    assert (faulty(name), digests(name)) == (1, [before])
    write(tmp_path, "sky: grey\n", name)
    looked_at_twice(file)
    assert faulty(name) == 0
    assert len(digests(name)) == 1 and digests(name) != [before]


def test_file_set_back_after_a_fault_counts_again(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    file = opened(tmp_path)
    write(tmp_path, "sky\n")
    looked_at_twice(file)
    write(tmp_path, "sky: blue\n")
    assert (looked_at_twice(file), faulty()) == ({"sky": "blue"}, 0)


def test_vanished_file_counts_as_empty_and_is_told(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    file = opened(tmp_path)
    (tmp_path / NAME).unlink()
    with capture_logs() as lines:
        assert looked_at_twice(file) == {}
    assert [line["event"] for line in lines] == ["site file gone, counts as empty"]


def test_file_that_is_swapped_is_never_missing(tmp_path: Path) -> None:
    write(tmp_path, "sky: blue\n")
    file = opened(tmp_path)
    (tmp_path / NAME).rename(tmp_path / "backup")
    file.look()
    write(tmp_path, "sky: grey\n")
    file.look()
    assert file.value == {"sky": "blue"}
    file.look()
    assert file.value == {"sky": "grey"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sky: [\n", "2:1: not YAML"),
        ("sky: blue\nsky: red\n", "2:1: `sky` stands twice"),
        ("- sky\n", "1:1: not a mapping"),
        ("sky:\n  sea: green\n", "2:3: no text"),
        ("sky: 5\n", "1:6: no text"),
        ("sky:\n", "1:1: no text"),
        ("on: x\n5: x\n", "2:1: a key that is no text"),
        ("sky: &a blue\nsea: *a\n", "1:6: an anchor"),
        ("sky: ${blue}\n", "1:6: a reference that cannot be read"),
        ("sky: ${env:BLUE\n", "1:6: a reference that cannot be read"),
        ("sky: ${env:BLUE}\n", "1:6: the variable BLUE is not set"),
        ("sky: a\nsea: ${env:PASSWORD} ${file:none}\n", "2:6: the file"),
        ("sky: ${file:.}\n", "1:6: the file"),
        ("a: !!python/object:os.system x\n", "1:4: no text"),
        ("[" * 5_000, "1:"),
        ("a: " + "[" * MAX_LEVELS + "]" * MAX_LEVELS, "1:"),
        ("# " + "x" * MAX_BYTES, "1:1: more than"),
        ("sky: blue\n---\nsky: red\n", "2:1: not YAML"),
    ],
)
def test_faulty_file_refuses_the_start_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    said = refusal(tmp_path, text)
    assert said.startswith(told)
    assert "Remedy: " in said


def test_file_that_is_no_text_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"sky: \xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        opened(tmp_path)


def test_folder_in_place_of_a_file_refuses(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        opened(tmp_path)


def test_references_come_from_environment_and_files(tmp_path: Path) -> None:
    write(tmp_path, "red ink\n", "ink")
    write(tmp_path, "sky: 'x-${env:SHADE}-${file:ink}'\n")
    assert opened(tmp_path, SHADE="dark").value == {"sky": "x-dark-red ink"}


def test_changed_secret_file_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, "sky: ${file:ink}\n")
    write(tmp_path, "red", "ink")
    file = opened(tmp_path)
    write(tmp_path, "blue", "ink")
    assert looked_at_twice(file) == {"sky": "blue"}


def test_secret_file_that_comes_later_mends(tmp_path: Path) -> None:
    file = opened(tmp_path)
    write(tmp_path, "sky: ${file:ink}\n")
    assert (looked_at_twice(file), faulty()) == ({}, 1)
    write(tmp_path, "red", "ink")
    assert (looked_at_twice(file), faulty()) == ({"sky": "red"}, 0)


def test_secrets_stand_in_no_repr_or_log(tmp_path: Path) -> None:
    write(tmp_path, HIDDEN, "ink")
    file = opened(tmp_path, PASSWORD=HIDDEN)
    write(tmp_path, "sky: '${env:PASSWORD}${file:ink}'\nsea: ${env:NONE}\n")
    with capture_logs() as lines:
        looked_at_twice(file)
        write(tmp_path, "sky: '${env:PASSWORD}${file:ink}'\n")
        looked_at_twice(file)
    assert file.value["sky"] == HIDDEN * 2
    assert HIDDEN not in f"{lines} {file!r}"


async def test_site_follows_all_its_files(tmp_path: Path) -> None:
    site = Site(tmp_path, {})
    first, second = site.file("a.yaml", colours), site.file("b.yaml", colours)
    async with site.followed(every_s=0):
        write(tmp_path, "sky: blue\n", "a.yaml")
        write(tmp_path, "sea: green\n", "b.yaml")
        async with asyncio.timeout(PATIENCE_S):
            while not (first.value and second.value):
                await asyncio.sleep(0)
    assert (first.value, second.value) == ({"sky": "blue"}, {"sea": "green"})


def clumsy(document: Part | None) -> Mapping[str, str]:
    found = colours(document)
    if "sea" in found:
        raise KeyError(HIDDEN)
    return found


def test_file_that_its_parser_stumbles_over_is_faulty_and_stops_no_other(tmp_path: Path) -> None:
    site = Site(tmp_path, {})
    first, second = site.file("a.yaml", clumsy), site.file("b.yaml", colours)
    write(tmp_path, "sea: green\n", "a.yaml")
    write(tmp_path, "sky: blue\n", "b.yaml")
    with capture_logs():
        site.look()
        site.look()
    assert (first.value, second.value) == ({}, {"sky": "blue"})
    assert "a bug of ours (KeyError)" in str(site.faults["a.yaml"]) and HIDDEN not in str(site.faults["a.yaml"])
    with capture_logs(), pytest.raises(ConfigurationError, match=r"a\.yaml:1:1: not understood, by a bug of ours"):
        SiteFile(tmp_path / "a.yaml", clumsy, {})


def batch(document: Part | None) -> Mapping[str, str]:
    assert document is not None
    return {name: str(part.whole(1, 100, "messages")) for name, part in document.members().items()}


@pytest.mark.parametrize("number", ["0", "101", "9" * 5_000, "٣", "1e1", "-1", "'1.0'"])
def test_whole_number_beyond_its_bounds_is_told_whatever_it_is(tmp_path: Path, number: str) -> None:
    write(tmp_path, f"a: {number}\n")
    with pytest.raises(ConfigurationError, match=r"no number of messages\. Remedy: write a whole number"):
        SiteFile(tmp_path / NAME, batch, {})
    write(tmp_path, "a: '7'\n")
    assert SiteFile(tmp_path / NAME, batch, {}).value == {"a": "7"}


def data(document: Part | None) -> Mapping[str, object]:
    assert document is not None
    return {name: part.plain() for name, part in document.members().items()}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("9" * 30, "1:4: no value that JSON has"),
        ("9" * 5_000, "1:4: no number"),
        ('"\\ud800"', "1:4: half of a surrogate pair"),
        ('"\\udfff": 1', "half of a surrogate pair"),
    ],
)
def test_value_that_json_cannot_hold_is_told_with_its_place(tmp_path: Path, value: str, told: str) -> None:
    write(tmp_path, f"a: {value}\n" if ": 1" not in value else f"{value}\n")
    with pytest.raises(ConfigurationError, match=told):
        SiteFile(tmp_path / NAME, data, {})
