"""Databases that speak SQL: `call: sql.query` and `call: sql.execute`, on SQLite and PostgreSQL.

The declaration stands here. `lexer` and `statement` read a statement, `connector` plans and runs it, `engines` keeps
connections, `session` is its transaction, within `guards`, `values` makes JSON of what it gives, `sqlstate` judges and
`failures` says what went wrong.
"""

from connectors.declaration import Declaration
from schemas.functions import Argument, EffectClass, Function, Kind

ARGUMENTS = (
    Argument(
        name="connection",
        summary="Name of the database in the settings.",
        kind=Kind.NAME,
        required=True,
        example="connection: compliance",
    ),
    Argument(
        name="statement",
        summary="One statement, a fixed text; values come in through :name. `:step_id` is always there.",
        kind=Kind.STATEMENT,
        required=True,
        example="statement: SELECT name FROM person WHERE id = :id",
    ),
    Argument(
        name="parameters",
        summary="Values by name; an array becomes a list for `IN (:name)`.",
        kind=Kind.OBJECT,
        example="parameters: {id: 7}",
    ),
)
STEP_ID = "step_id"  # the parameter that is always there: key of the call
ROWS = {
    "type": "object",
    "required": ["rows", "count"],
    "properties": {"rows": {"type": "array", "items": {"type": "object"}}, "count": {"type": "integer"}},
}

QUERY = Function(
    name="sql.query",
    summary="Reads rows of a database, in a transaction that cannot write.",
    arguments=ARGUMENTS,
    output=ROWS,
    example="{connection: hr, statement: SELECT name FROM person WHERE id = :id, parameters: {id: '${ .id }'}}",
    effect=EffectClass.READ,
)
EXECUTE = Function(
    name="sql.execute",
    summary="Changes a database, in one transaction; the rows are those of RETURNING.",
    arguments=ARGUMENTS,
    output=ROWS,
    example="{connection: ledger, statement: INSERT INTO entry (step_id) VALUES (:step_id)}",
    effect_note="keyed where the statement stores :step_id, else blind",
)

DECLARATION = Declaration(
    name="sql",
    summary="Databases that speak SQL.",
    make="connectors.sql.connector:SqlConnector",
    operations=(QUERY, EXECUTE),
)
