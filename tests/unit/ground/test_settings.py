"""Settings: declared by their owners, checked all at once, and told in one line each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streams.catalogue import load_settings
from streams.gateway.settings import GatewaySettings
from streams.ground.errors import ConfigurationError
from streams.ground.kinds import FILE, YES_OR_NO
from streams.ground.setting import Group, family, setting
from streams.ground.settings import Settings, load
from streams.processors.call import CallSettings
from streams.processors.call.connections import ConnectionSettings
from streams.readmodel.settings import ViewSettings, read_model_url
from streams.runtime.settings import RuntimeSettings


@dataclass(frozen=True, kw_only=True)
class BakerySettings(Group):
    """A bakery."""

    ovens: int = setting("EXLIFY_BAKERY_OVENS", 2, "Ovens", minimum=1, maximum=9)
    open_late: bool = setting("EXLIFY_BAKERY_OPEN_LATE", False, "Whether it is open in the evening")
    crust: str = setting("EXLIFY_BAKERY_CRUST", "soft", "Crust", choices=("soft", "hard"))
    recipe: str = setting("EXLIFY_BAKERY_RECIPE", "", "Recipe", kind=FILE)
    key: str = setting("EXLIFY_BAKERY_KEY", "", "Key of the door", secret=True)
    doors: dict[str, bool] = family("EXLIFY_BAKERY_DOOR_<NAME>", "Whether a door is open", kind=YES_OR_NO)


def bakery(**environ: str) -> BakerySettings:
    named = {f"EXLIFY_BAKERY_{name}": value for name, value in environ.items()}
    return load([BakerySettings], named, pytest.fail).of(BakerySettings)


def refusal(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, pytest.fail)
    assert caught.value.exit_code == 78
    return list(caught.value.lines)


def warnings(environ: dict[str, str]) -> list[str]:
    said: list[str] = []
    load_settings(environ, said.append)
    return said


def test_owner_gets_what_it_has_declared() -> None:
    found = bakery(OVENS="3", CRUST="Hard", DOOR_BACK_YARD="no", DOOR_FRONT="yes")
    assert (found.ovens, found.crust, found.doors) == (3, "hard", {"back-yard": False, "front": True})


def test_defaults_count_where_nothing_is_set() -> None:
    assert bakery() == BakerySettings() == Settings().of(BakerySettings)
    assert bakery(OVENS="", CRUST="") == BakerySettings()


def test_groups_can_be_given_by_hand() -> None:
    given = Settings(partitions=3).with_(BakerySettings(ovens=5), CallSettings(concurrency=4))
    assert (given.partitions, given.of(BakerySettings).ovens, given.of(CallSettings).concurrency) == (3, 5, 4)
    assert given.with_(BakerySettings()).of(CallSettings).concurrency == 4


@pytest.mark.parametrize("word", ["yes", "true", "On", "1", " YES "])
def test_every_usual_word_for_yes_counts(word: str) -> None:
    assert bakery(OPEN_LATE=word).open_late


@pytest.mark.parametrize("word", ["no", "false", "Off", "0"])
def test_every_usual_word_for_no_counts(word: str) -> None:
    assert not load_settings({"EXLIFY_CALL_ALLOW_PRIVATE": word}).of(CallSettings).allow_private


def test_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    assert bakery(KEY_FILE=str(tmp_path / "key")).key == "hunter2"
    assert bakery(KEY_FILE=str(tmp_path / "key"), KEY="other").key == "other"


def test_missing_secret_file_is_told_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^EXLIFY_BAKERY_KEY_FILE: .* cannot be read"):
        bakery(KEY_FILE=str(tmp_path / "none"))


def test_secrets_stand_in_no_repr() -> None:
    given = load_settings({"EXLIFY_API_TOKEN": "hunter2", "EXLIFY_CONNECTION_ERP": "https://u:hunter2@erp"})
    assert "hunter2" not in repr(given)


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("EXLIFY_PARTITIONS", "four", "a whole number from 1 up (default: 4)."),
        ("EXLIFY_PARTITIONS", "-1", "a whole number from 1 up"),
        ("EXLIFY_PARTITIONS", "0", "a whole number from 1 up"),
        ("EXLIFY_CALL_CONCURRENCY", "1.5", "a whole number from 1 up"),
        ("EXLIFY_SESSION_TIMEOUT_MS", "0", "a whole number from 1 up (default: 10000)."),
        ("EXLIFY_GATEWAY_PORT", "65536", "a whole number from 0 to 65,535 (default: 8460)."),
        ("EXLIFY_LOG_LEVEL", "verbose", "debug, info, warning or error (default: info)."),
        ("EXLIFY_LOG_FORMAT", "xml", "text or json (default: text)."),
        ("EXLIFY_KAFKA_SECURITY", "TLS", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL (default: PLAINTEXT)."),
        ("EXLIFY_KAFKA_SASL_MECHANISM", "GSSAPI", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (default: PLAIN)."),
        ("EXLIFY_KAFKA_CA_FILE", "/none/ca.pem", "the path of a file that can be read (default: none)."),
        ("EXLIFY_SITE_DIR", "/none", "the path of a folder that is there (default: .)."),
        ("EXLIFY_CALL_ALLOW_PRIVATE", "maybe", "yes or no (true, on, 1; false, off, 0) (default: yes)."),
        ("EXLIFY_BOOTSTRAP", "kafka-1", "HOST:PORT, several separated by commas"),
        ("EXLIFY_REGISTRY_URL", "registry:8080", "http://HOST[:PORT]"),
        ("EXLIFY_REGISTRY_URL", "http://registry:port", "http://HOST[:PORT]"),
        ("EXLIFY_GATEWAY_URL", "ftp://gateway", "http://HOST[:PORT]"),
        ("EXLIFY_GROUP_PREFIX", "a b", "letters, digits"),
        ("EXLIFY_BUSINESS_TOPICS", "a,b c", "names separated by commas"),
        ("EXLIFY_CRASH_AT", "orchestrate:nowhere:1", "PROCESSOR:POINT:N[:kill|stop]"),
        ("EXLIFY_CRASH_AT", "orchestrate:after_read", "PROCESSOR:POINT:N[:kill|stop]"),
        ("EXLIFY_CRASH_AT", "orchestrate:after_read:1:wait", "PROCESSOR:POINT:N[:kill|stop]"),
        ("EXLIFY_CONNECTION_ERP", "erp.example.com", "an address such as"),
    ],
)
def test_wrong_value_is_one_line_with_a_remedy(variable: str, text: str, allowed: str) -> None:
    (line,) = refusal({variable: text})
    assert line.startswith(f"{variable}: ")
    assert "does not fit. Write " in line and allowed in line


@pytest.mark.parametrize("variable", ["EXLIFY_VIEW_URL", "EXLIFY_CONNECTION_ERP"])
def test_wrong_secret_is_told_without_its_value(variable: str) -> None:
    (line,) = refusal({variable: "hunter2"})
    assert line.startswith(f"{variable}: its value does not fit") and "hunter2" not in line


def test_password_in_an_address_is_not_repeated() -> None:
    (line,) = refusal({"EXLIFY_REGISTRY_URL": "http://u:hunter2@registry"})
    assert line.startswith("EXLIFY_REGISTRY_URL: its value does not fit") and "hunter2" not in line


def test_all_wrong_values_are_told_at_once() -> None:
    lines = refusal({"EXLIFY_PARTITIONS": "x", "EXLIFY_LOG_LEVEL": "verbose", "EXLIFY_PARTITION": "9"})
    assert [line.partition(":")[0] for line in lines] == [
        "EXLIFY_PARTITIONS", "EXLIFY_LOG_LEVEL", "EXLIFY_PARTITION",
    ]  # fmt: skip


def test_command_tells_wrong_values_without_a_trace(tmp_path: Path) -> None:
    wrong = {"EXLIFY_PARTITIONS": "x", "EXLIFY_LOG_LEVEL": "verbose", "EXLIFY_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "streams.cli", "worker", "orchestrate"]
    done = subprocess.run(command, env=os.environ | wrong, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 2)
    assert all(line.startswith("exlify: EXLIFY_") for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("EXLIFY_PARTITION", "EXLIFY_PARTITIONS"),
        ("EXLIFY_PARTITOINS", "EXLIFY_PARTITIONS"),
        ("EXLIFY_PARTIONS", "EXLIFY_PARTITIONS"),
        ("EXLIFY_LOGLEVEL", "EXLIFY_LOG_LEVEL"),
        ("exlify_log_level", "EXLIFY_LOG_LEVEL"),
        ("EXLIFY_STALL_TIMEOUT_S", "EXLIFY_STALL_TIMEOUT_MS"),
        ("EXLIFY_KAFKA_PASWORD_FILE", "EXLIFY_KAFKA_PASSWORD_FILE"),
        ("EXLIFY_CONECTION_ERP", "EXLIFY_CONNECTION_<NAME>"),
        ("EXLIFY_CONNECTIONS_CORE_BANK", "EXLIFY_CONNECTION_<NAME>"),
        ("EXLIFY_HOOKS_ORDERS_SECRET", "EXLIFY_HOOK_<NAME>_SECRET"),
        ("EXLIFY_HOOK_ORDERS_SECRETS", "EXLIFY_HOOK_<NAME>_SECRET"),
    ],
)
def test_misspelt_variable_refuses_and_names_the_meant(slip: str, meant: str) -> None:
    (line,) = refusal({slip: "1"})
    assert line.startswith(f"{slip}: ") and f"Probably {meant} is meant" in line


@pytest.mark.parametrize("name", ["EXLIFY_CALL_TIMEOUT_MS", "EXLIFY_TELEMETRY", "EXLIFY_", "EXLIFY_HOOK_TIMEOUT_MS"])
def test_variable_of_another_release_is_told_only(name: str) -> None:
    (line,) = warnings({name: "1"})
    assert line.startswith(f"{name}: no setting has this name")


def test_variables_of_others_are_no_business() -> None:
    assert warnings({"PATH": "/bin", "EXLIFYER": "1", "MY_EXLIFY_THING": "1"}) == []


@pytest.mark.parametrize("name", ["EXLIFY_TEST_BROKER", "EXLIFY_CRASH_SEED", "EXLIFY_TOY_VARIANT", "EXLIFY_PROFILE"])
def test_variables_of_tests_are_passed_over(name: str) -> None:
    assert warnings({name: "1"}) == []


def test_variables_that_kubernetes_injects_are_passed_over() -> None:
    injected = {
        "EXLIFY_SERVICE_HOST": "10.0.0.1",
        "EXLIFY_PORT": "tcp://10.0.0.1:80",
        "EXLIFY_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "EXLIFY_GATEWAY_SERVICE_PORT": "8460",
        "EXLIFY_GATEWAY_SERVICE_PORT_HTTP": "8460",
        "EXLIFY_GATEWAY_PORT": "tcp://10.0.0.1:8460",
        "EXLIFY_GATEWAY_PORT_8460_TCP": "tcp://10.0.0.1:8460",
        "EXLIFY_GATEWAY_PORT_8460_TCP_ADDR": "10.0.0.1",
        "EXLIFY_CONNECTION_ERP_SERVICE_HOST": "10.0.0.2",
    }
    loaded = load_settings(injected, pytest.fail)
    assert loaded.of(GatewaySettings).port == 8460
    assert loaded.of(ConnectionSettings).urls == {}


def test_addresses_come_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"kafka": "a:1", "registry": "none", "gateway": "http://g:1"}')
    found = load_settings({"EXLIFY_DATA_DIR": str(tmp_path), "EXLIFY_BOOTSTRAP": "b:2"})
    assert (found.bootstrap, found.registry_url, found.of(GatewaySettings).url) == ("b:2", "none", "http://g:1")


def test_damaged_endpoints_are_told_with_their_remedy(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text("{")
    (line,) = refusal({"EXLIFY_DATA_DIR": str(tmp_path)})
    assert str(tmp_path / "endpoints.json") in line and "exlify up" in line


def test_read_model_is_in_the_data_folder(tmp_path: Path) -> None:
    given = Settings(data_dir=tmp_path)
    assert read_model_url(given) == f"sqlite:///{tmp_path / 'view.sqlite'}"
    assert read_model_url(given.with_(ViewSettings(url="postgresql://x"))) == "postgresql://x"


@pytest.mark.parametrize("text", ["orchestrate:after_read:1", "call:after_fence:12:stop", "x:after_store:3:kill"])
def test_crash_point_may_name_its_action(text: str) -> None:
    assert load_settings({"EXLIFY_CRASH_AT": text}).of(RuntimeSettings).crash_at == text


@pytest.mark.parametrize("trick", ["file of another", "folder of another", "others may write", "a link"])
def test_address_that_another_could_have_written_is_not_used(
    trick: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it the token would go to whoever wrote it."""
    (data := tmp_path / "data").mkdir()
    (file := data / "endpoints.json").write_text('{"gateway": "http://attacker"}')
    file.chmod(0o600)
    assert load_settings({"EXLIFY_DATA_DIR": str(data)}, pytest.fail).of(GatewaySettings).url == "http://attacker"
    match trick:
        case "file of another":
            monkeypatch.setattr(os, "fstat", other_owner(os.fstat))
        case "folder of another":
            monkeypatch.setattr(Path, "stat", other_owner(Path.stat))
        case "others may write":
            file.chmod(0o666)
        case "a link":
            file.rename(tmp_path / "kept")
            file.symlink_to(tmp_path / "kept")
    (line,) = refusal({"EXLIFY_DATA_DIR": str(data)})
    assert str(data) in line and "Set EXLIFY_DATA_DIR" in line


def other_owner(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    """The same with an owner who is neither this user nor root."""

    def found(*arguments: Any, **options: Any) -> os.stat_result:
        values = list(real(*arguments, **options)[:10])
        values[4] = os.geteuid() + 4_321
        return os.stat_result(values)

    return found
