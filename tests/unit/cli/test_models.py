"""`exlify models`: models that others have made are added, checked, certified and put into force by commands alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from models.serving.shelf import Pin
from schemas.codec import Codec
from streams.cli._models_states import activated
from streams.ground.errors import UsageError
from streams.processors.decide.states import ModelBook, changed
from streams.processors.monitor import ITSELF
from tests.support import foreign
from tests.support.brought import MODELS, WORKFLOW, Site

CODEC = Codec.offline()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("kind", MODELS)
def test_model_of_others_gets_from_a_file_into_force(kind: str, site: Site) -> None:
    _, cases, label, columns, routes = MODELS[kind]
    added = site.add(kind, "theirs")
    assert (added["faults"], set(added["routes"])) == ([], routes | {"review"})
    assert site.json("models", "activate", "theirs@1")["version"] == "1"
    values = [{name: case[name] for name in columns} for case in cases(4, 40)]
    before = site.decided("theirs", values[0])
    assert (before["route"], [held["why"] for held in before["held"]]) == ("review", ["NO_CERTIFICATE"])
    proof = site.certify(kind, "theirs")
    assert proof["certified"] and proof["upper_bound"] < 0.1 < 0.2 and proof["coverage"] > 0.2
    changed = site.decided("theirs", values[0])
    assert [held["why"] for held in changed["held"]] == ["CHANGED"]
    site.json("models", "activate", "theirs@1")
    from models.serving.registry import Registry

    model = Registry(site.folder / "models").get("theirs")
    verdicts = [model.decide(each) for each in values]
    assert {verdict.route for verdict in verdicts} >= {"review", *routes} - {"high"}
    alone = next(each for each, verdict in zip(values, verdicts, strict=True) if verdict.route != "review")
    answer = site.decided("theirs", alone)
    assert answer["route"] in routes and answer["held"] == []
    assert site.json("models", "list")["models"][-1]["alone"].startswith("below")
    assert label not in [each["field"] for each in site.json("models", "show", "theirs")["inputs"]]


def test_suspended_model_hands_everything_to_people_until_it_is_resumed(site: Site) -> None:
    site.add("zipmap", "theirs")
    site.certify("zipmap", "theirs")
    site.json("models", "activate", "theirs@1")
    good = {"income": 85, "debts": 5, "age_of_account": 15}
    assert site.decided("theirs", good)["route"] == "approve"
    site.json("models", "suspend", "theirs", "--why", "complaints")
    assert "suspended" in site.json("models")["models"][-1]["alone"]
    assert site.json("models", "audit", "theirs", "--share", "3")["audit"] == 3
    held = site.decided("theirs", good)
    assert (held["route"], [each["why"] for each in held["held"]]) == ("review", ["SUSPENDED"])
    assert held["score"] is not None
    assert site.json("models", "resume", "theirs")["audit"] == 3
    assert site.json("models", "activate", "theirs@1", "--audit", "0")["audit"] == 0
    assert site.decided("theirs", good)["route"] == "approve"
    site.json("models", "retire", "theirs")
    (site.folder / "ask.yaml").write_text(WORKFLOW.replace("NAME", "theirs"))
    report = site.json("run", site.folder / "ask.yaml", "--input", json.dumps(good), code=1)
    assert "no such model" in report["error"]["detail"]


def test_what_audits_have_suspended_needs_another_certificate_and_what_people_have_does_not(site: Site) -> None:
    """Where cases move while people have suspended a model, the monitor raises its audits: that is no suspension."""
    site.add("zipmap", "theirs")
    site.certify("zipmap", "theirs")
    good = Pin("theirs", "1", site.json("models", "activate", "theirs@1")["sha256"])
    suspended = good._replace(state="suspended", audit=2)
    raised = [(good, "ada"), (suspended, "ada"), (suspended._replace(audit=5), ITSELF)]
    assert activated(_told(site, raised), "theirs@1") == good._replace(audit=5)
    found_wanting = [(good, "ada"), (suspended, ITSELF)]
    for changes in (found_wanting, [*found_wanting, (suspended._replace(audit=10), "ada")]):
        with pytest.raises(UsageError, match="audits have found more wrong decisions"):
            activated(_told(site, changes), "theirs@1")


def _told(site: Site, changes: Sequence[tuple[Pin, str]]) -> ModelBook:
    """What is known after these changes, by these people."""
    book = ModelBook([site.folder / "models"])
    for number, (pin, by) in enumerate(changes):
        book.learn(CODEC.decode(changed(CODEC, book, pin, by=by, why="", now_ms=number * 60_000)[1])[1])
    return book


def test_challenger_is_a_shadow_then_a_canary_then_decides(site: Site) -> None:
    site.add("zipmap", "theirs")
    site.json("models", "activate", "theirs@1")
    site.add("zipmap", "theirs", "--version", "2")
    site.certify("zipmap", "theirs@2")
    good = {"income": 85, "debts": 5, "age_of_account": 15}
    assert site.json("models", "shadow", "theirs@2")["rival"]["share"] == 0
    assert site.decided("theirs", good)["version"] == "1"
    assert [each["state"] for each in site.json("models")["models"] if each["name"] == "theirs"] == ["active", "shadow"]
    told = site.run("models", "canary", "theirs@2", "--share", "100").stdout
    assert told.startswith("theirs@1 is active, 2 decides 100 % beside it")
    answer = site.decided("theirs", good)
    assert (answer["version"], answer["route"]) == ("2", "approve")
    site.json("models", "suspend", "theirs")
    assert site.decided("theirs", good)["route"] == "review"
    assert site.json("models", "resume", "theirs")["rival"]["version"] == "2"
    assert "Say why it is to decide" in site.refused("models", "activate", "theirs@2")
    site.json("models", "withdraw", "theirs")
    assert site.decided("theirs", good)["version"] == "1"
    assert "nothing is tried beside it" in site.refused("models", "withdraw", "theirs")
    site.json("models", "activate", "theirs@2")
    assert site.decided("theirs", good)["version"] == "2"
    assert "decides already" in site.refused("models", "shadow", "theirs@2")


@pytest.mark.parametrize("file", ["model.onnx", "card.toml", "certificate.toml"])
def test_changed_byte_sends_everything_to_people_also_in_a_local_run(file: str, site: Site) -> None:
    site.add("zipmap", "theirs")
    site.certify("zipmap", "theirs")
    site.json("models", "activate", "theirs@1")
    path = site.folder / "models" / "theirs" / "1" / file
    data = path.read_bytes()
    changed = data.replace(b"usual-case", b"usual-cAse") if file == "card.toml" else data[:-2] + b"x" + data[-1:]
    assert changed != data
    path.write_bytes(changed)
    answer = site.decided("theirs", {"income": 85, "debts": 5, "age_of_account": 15})
    assert answer["route"] == "review"
    assert {held["why"] for held in answer["held"]} <= {"CHANGED", "NO_CERTIFICATE"} and answer["held"]


def test_nothing_proved_is_a_result(site: Site) -> None:
    site.add("zipmap", "theirs")
    assert (
        site.certify("zipmap", "theirs", "--starts", "2")["starts"],
        site.certify("zipmap", "theirs")["starts"],
    ) == (2, 5)
    proof = site.certify("zipmap", "theirs", "--target", "0.0001", code=3)
    assert not proof["certified"]
    assert "not passed" in site.json("models", "show", "theirs@1")["alone"]


def test_rows_of_the_training_certify_nothing(site: Site) -> None:
    site.json("models", "add", foreign.FOLDER / "zipmap.onnx", "--rows",
              foreign.write(site.folder / "rows.csv", foreign.loans(2, 400)), "--without", "bad")  # fmt: skip
    refusal = site.refused("models", "certify", "zipmap", "--data", site.folder / "rows.csv", "--label", "bad")
    assert "made of these rows" in refusal


def test_versions_are_numbered_compared_and_never_changed(site: Site) -> None:
    assert [site.add("zipmap", "theirs")["model"], site.add("xgboost", "theirs")["model"]] == ["theirs@1", "theirs@2"]
    rows = foreign.write(site.folder / "cases.csv", foreign.loans(5, 50), foreign.NUMBERS)
    compared = site.json("models", "compare", "theirs@1", "theirs@2", "--rows", rows)
    assert (compared["rows"], compared["same_route"]) == (50, 50)  # people, in both
    brought = site.folder / "brought-theirs"
    assert "is there already" in site.refused("models", "add", brought, "--name", "theirs", "--version", "2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "HOSTILE/foreign_operator.onnx"), "operators of 'com.example'"),
        (("add", "HOSTILE/external_weights.onnx"), "weights in another file"),
        (("add", "FOREIGN/zipmap.onnx"), "give rows"),
        (("add", "FOREIGN/zipmap.onnx", "--rows", "rows.csv"), "exactly the columns"),
        (("add", "FOREIGN/zipmap.onnx", "--rows", "rows.csv", "--without", "nothing"), "there is no column"),
        (("add", "FOREIGN/regression.onnx", "--rows", "rows.csv", "--without", "bad"), "[[routing.bands]]"),
        (("add", "FOREIGN/lightgbm.onnx", "--rows", "rows.csv", "--without", "bad"), "names of the classes"),
        (("add", "rows.csv"), "not ONNX"),
        (("add", "FOREIGN/zipmap.onnx", "--name", "../../x"), "names no model"),
        (("add", "FOREIGN/zipmap.onnx", "--version", "../../x"), "names no model"),
        (("activate", "nobody@1"), "missing"),
        (("activate", "nobody"), "say which version"),
        (("activate", "../../x@1"), "names no model"),
        (("suspend", "nobody"), "decides nothing"),
        (("resume", "credit-risk"), "is not suspended"),
        (("shadow", "credit-risk"), "say which version is tried"),
        (("shadow", "nobody@1"), "decides nothing"),
        (("canary", "credit-risk@9", "--share", "5"), "missing"),
        (("rollback", "credit-risk"), "no other version"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "nothing"), "there is no column"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "bad", "--target", "0.2"), "break-even"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "bad", "--target", "nan"), "break-even"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "bad", "--delta", "0"), "delta"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "bad", "--starts", "0"), "starts"),
        (("certify", "credit-risk", "--data", "rows.csv", "--label", "bad", "--bad", "x"), "no row has the label"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(site: Site, arguments: tuple[str, ...], said: str) -> None:
    foreign.write(site.folder / "rows.csv", foreign.loans(2, 60))
    places = {
        "HOSTILE": foreign.FOLDER.parent / "hostile",
        "FOREIGN": foreign.FOLDER,
        "rows.csv": site.folder / "rows.csv",
    }
    given = []
    for each in arguments:
        head, _, tail = each.partition("/")
        given.append(str(places[head] / tail) if head in places and tail else str(places.get(each, each)))
    assert said in site.refused("models", *given)


DEFINITION = """
document: { dsl: 1.0.3, namespace: test, name: ask, version: 1.0.0 }
do:
  - ask:
      call: decide
      with: { model: MODEL, input: INPUT }
  - choose:
      switch:
        - one: { when: '${ .route == "ROUTE" }', then: end }
        - default: { then: end }
"""
LOAN = "{ income: 1, debts: 2, age_of_account: 3 }"


@pytest.mark.parametrize(
    ("model", "given", "route", "code", "said"),
    [
        ("theirs", LOAN, "approve", 0, "no faults"),
        ("theirs", LOAN, "review", 0, "no faults"),
        ("'${ .model }'", "{ any: 1 }", "any", 0, "no faults"),
        ("theirs", "'${ . }'", "approve", 0, "no faults"),
        ("their", LOAN, "approve", 2, ":6:22: error[model]: there is no model 'their' (do you mean theirs?)"),
        (
            "theirs",
            "{ income: 1, debs: 2, age_of_account: 3 }",
            "approve",
            2,
            "reads no field 'debs' (do you mean debts?)",
        ),
        ("theirs", "{ income: 1 }", "approve", 0, "warning[model-input]: theirs reads debts, age_of_account as well"),
        ("theirs", LOAN, "aprove", 2, "has a route 'aprove' (do you mean approve?)"),
    ],
)
def test_lint_knows_models_inputs_and_routes(
    site: Site, model: str, given: str, route: str, code: int, said: str
) -> None:
    site.add("zipmap", "theirs")
    text = DEFINITION.replace("MODEL", model).replace("INPUT", given).replace("ROUTE", route)
    (site.folder / "ask.yaml").write_text(text)
    result = site.run("lint", site.folder / "ask.yaml")
    assert (result.exit_code, said in result.stdout) == (code, True), result.output


def test_lint_tells_of_a_model_that_cannot_be_used(site: Site) -> None:
    site.add("zipmap", "theirs")
    (site.folder / "models" / "theirs" / "1" / "card.toml").write_bytes(b"\xff")
    (site.folder / "ask.yaml").write_text(WORKFLOW.replace("NAME", "theirs"))
    result = site.run("lint", site.folder / "ask.yaml")
    assert result.exit_code == 0 and "warning[model]: it cannot be used" in result.stdout


def test_local_run_does_not_wait_for_a_model_that_cannot_be_used(site: Site) -> None:
    site.add("zipmap", "theirs")
    site.json("models", "activate", "theirs@1")
    card = site.folder / "models" / "theirs" / "1" / "card.toml"
    card.write_bytes(b"\xff")
    (site.folder / "ask.yaml").write_text(WORKFLOW.replace("NAME", "theirs"))
    report = site.json("run", site.folder / "ask.yaml", code=1)
    assert report["error"]["detail"].startswith(f"with.model: {card}: not UTF-8")
    listed = site.json("models", "list", code=1)
    assert [fault["model"] for fault in listed["faults"]] == ["theirs@1"]


def test_where_signatures_are_demanded_only_signed_certificates_count(site: Site) -> None:
    key = Ed25519PrivateKey.generate()
    (site.folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (site.folder / "keys.pem").write_bytes(public)
    site.environ["EXLIFY_CERTIFICATE_KEYS"] = str(site.folder / "keys.pem")
    assert "not signed" in site.json("models", "show", "credit-risk")["alone"]
    assert "EXLIFY_CERTIFICATE_KEY: holds no private Ed25519 key" in site.refused("models", "sign", "credit-risk")
    site.environ["EXLIFY_CERTIFICATE_KEY_FILE"] = str(site.folder / "key")
    assert site.run("models", "sign", "credit-risk").exit_code == 0
    assert site.json("models", "show", "credit-risk@2")["alone"].startswith("where the doubt is below")
    assert "where the doubt is below" in site.run("models", "page", "credit-risk@2").stdout
    site.add("zipmap", "loans")
    site.certify("zipmap", "loans")
    assert site.json("models", "show", "loans")["alone"].startswith("where the doubt is below")
    (site.folder / "keys.pem").write_text("none")
    assert "has to hold public Ed25519 keys" in site.refused("models", "show", "loans")


def test_bundled_model_is_in_the_site_folder_only_once_all_of_it_is_signed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of it would hide the bundled version, and could not be used."""
    key = Ed25519PrivateKey.generate()
    (site.folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    site.environ["EXLIFY_CERTIFICATE_KEY_FILE"] = str(site.folder / "key")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("streams.cli._models.write_whole", full)
        assert site.run("models", "sign", "credit-risk").exit_code != 0
    assert site.json("models", "list")["faults"] == []
    assert not (site.folder / "models" / "credit-risk" / "2").exists()
    assert site.run("models", "sign", "credit-risk").exit_code == 0
    assert [*(site.folder / "models" / "credit-risk").iterdir()] == [site.folder / "models" / "credit-risk" / "2"]


def test_page_of_a_model_that_somebody_brought_has_its_plots(site: Site) -> None:
    for kind in ("zipmap", "regression"):
        site.add(kind, kind)
        assert "<figure" not in site.run("models", "page", kind).stdout
        site.certify(kind, kind)
        page = site.run("models", "page", kind).stdout
        assert page.count("<figure>") == (2 if kind == "zipmap" else 1) and "What counts" in page
    assert "names no model" in site.refused("models", "page", "../x")
