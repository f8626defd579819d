"""Station 4, decide: steps that ask a model, or a decision table."""

import re
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from models.rules.gaps import gaps
from models.rules.table import ASKED, EXAMPLE, WHOLE, asked_faults
from schemas.functions import Argument, EffectClass, Function, Kind
from streams.ground.kinds import FILE, address, checked
from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, Keyed, Topic
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

STORE = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,62})(/(?P<prefix>[\w./-]*?)/?)?", re.ASCII)

DECISIONS = Topic(name="decide.record.decision.v1", messages=("Decision",), retention_ms=365 * DAY_MS)

STATES = Topic(
    name="decide.state.model.v1",
    messages=("ModelState",),
    keyed=Keyed.NONE,
    key="name of the model",
    compacted=True,
    written_by="models",
)

DECIDE = Function(
    name="decide",
    summary="Asks a model, which chooses a route and says why.",
    arguments=(
        Argument(
            name="model",
            summary="Name of the model.",
            kind=Kind.NAME,
            required=True,
            example="model: credit-risk",
        ),
        Argument(name="input", summary="What the model reads; the task's input unless given.", default="${ . }"),
        Argument(
            name="rules",
            summary="A decision table that comes first, or the name of one (rules/NAME.yaml of the site folder): where "
            "a row holds, it decides and no model is asked.",
            kind=Kind.FIXED,
            schema=ASKED,
            judge=asked_faults,
            example=f"rules: {EXAMPLE}",
        ),
        Argument(
            name="instead",
            summary="Models to ask, one after the other, where those before may not act.",
            kind=Kind.CHOICES,
            example="instead: [credit-risk-simple]",
        ),
        Argument(
            name="otherwise",
            summary="A decision table, or the name of one, for where no model may act; if no row holds, a "
            "person decides.",
            kind=Kind.FIXED,
            schema=ASKED,
            judge=asked_faults,
            example=f"otherwise: {EXAMPLE}",
        ),
    ),
    output={
        "type": "object",
        "required": ["route", "score", "reasons", "decisionId", "model", "version", "outside", "held"],
        "properties": {
            "route": {"type": "string"},
            "score": {"type": ["number", "null"]},
            "model": {"type": "string"},
            "version": {"type": "string"},
            "decisionId": {"type": "string"},
            "reasons": {"type": "array", "items": {"type": "object"}},
            "outside": {"type": "array", "items": {"type": "string"}},
            "held": {"type": "array", "items": {"type": "object"}},
            "rule": {"type": ["object", "null"]},
            "passed": {"type": "array", "items": {"type": "object"}},
        },
    },
    example="{model: credit-risk, input: '${ .application }'}",
    effect=EffectClass.READ,
)

RULES = Function(
    name="rules",
    summary="Asks a decision table, for what law or policy fixes.",
    arguments=(
        Argument(
            name="table",
            summary="Rows of conditions, each with the route that it decides; or the name of a table, rules/NAME.yaml "
            "of the site folder.",
            kind=Kind.FIXED,
            schema=ASKED,
            judge=asked_faults,
            hint=gaps,
            required=True,
            example=f"table: {WHOLE}",
        ),
        Argument(name="input", summary="What the table reads; the task's input unless given.", default="${ . }"),
    ),
    output=DECIDE.output,
    example=f"{{table: {WHOLE}, input: '${{ .application }}'}}",
    effect=EffectClass.READ,
)

DECIDED = Counter("exlify_decisions_total", "Decisions by model and route.", ["model", "route"])
FAULTY = Gauge(
    "exlify_model_faulty",
    "1 while a model, or the file that says which one decides, cannot be used. What needs it waits.",
    ["model"],
)


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Group):
    """Models: where they are, and who answers for their certificates."""

    certificate_keys: str = setting(
        "EXLIFY_CERTIFICATE_KEYS",
        "",
        "Public Ed25519 keys (PEM): a certificate opens its band only if signed by one of them; without: any whole one",
        kind=FILE,
    )
    certificate_key: str = setting(
        "EXLIFY_CERTIFICATE_KEY",
        "",
        "Private Ed25519 key (PEM) that `exlify models certify` and `sign` sign with",
        secret=True,
    )
    store: str = setting(
        "EXLIFY_MODELS_STORE",
        "",
        "S3-compatible store with the models of the site, s3://BUCKET/PREFIX (extra `s3`); without: the site folder",
        kind=checked(STORE.fullmatch, "s3://BUCKET or s3://BUCKET/PREFIX"),
    )
    store_endpoint: str = setting(
        "EXLIFY_MODELS_STORE_ENDPOINT",
        "",
        "Address of the store where it is not that of AWS",
        kind=address("http", "https"),
    )
    store_region: str = setting(
        "EXLIFY_MODELS_STORE_REGION", "", "Region of the store; as AWS's own variables say unless given"
    )
    store_key: str = setting(
        "EXLIFY_MODELS_STORE_KEY",
        "",
        "Access key; without one, AWS's own variables, or the role of the machine",
        secret=True,
    )
    store_secret: str = setting("EXLIFY_MODELS_STORE_SECRET", "", "Secret of the access key", secret=True)


DECLARATION = Declaration(
    name="decide",
    summary="Carries out steps that ask a model, or a decision table.",
    worker="steps",
    make="streams.processors.decide.processor:Decide",
    writes=(INBOX, DECISIONS),
    follows=(STATES,),
    functions=(DECIDE, RULES),
    table="waiting",
    buries=True,
    settings=(ModelSettings,),
    metrics=(DECIDED, FAULTY),
    rows="streams.processors.decide.rows:ROWS",
    pins="streams.processors.decide.pins:ModelPins",
    local="streams.processors.decide.local:DecideHere",
)
