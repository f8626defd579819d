"""Whether the read model answers now: asked when somebody asks whether a process that needs it is ready."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from streams.ground.probes import Probe
from streams.readmodel.database import reason_of
from streams.readmodel.projection import METADATA

PART = "read model"


def read_model_probe(engine: Engine) -> Probe:
    """Whether the database answers, and has tables of the read model."""

    def ask() -> list[str]:
        if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
            return ["its file is gone"]  # connections that are open would still see what was in it
        try:
            tables = {*inspect(engine).get_table_names()}
        except SQLAlchemyError as error:
            return [f"does not answer ({reason_of(error)})"]
        return [] if METADATA.tables.keys() & tables else ["has no tables any more"]  # others may have theirs there

    return Probe(PART, ask)
