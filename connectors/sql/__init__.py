"""Databases that speak SQL: `call: sql.query`, `sql.execute` and `sql.insert`, on SQLite, PostgreSQL and MariaDB.

The declaration stands here. `lexer` and `statement` read a statement, `insert` makes one, `connector` plans and runs
it, `engines` keeps connections, `session` is its transaction, within `guards`, `values` makes JSON of what it gives,
`sqlstate` judges and `failures` says what went wrong.
"""

from connectors.declaration import Declaration
from schemas.functions import Argument, EffectClass, Function, Kind

_CONNECTION = Argument(
    name="connection",
    summary="Name of the database in the settings.",
    kind=Kind.NAME,
    required=True,
    example="connection: compliance",
)
ARGUMENTS = (
    _CONNECTION,
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
INSERT = Function(
    name="sql.insert",
    summary="Writes a row unless there is one with its key; `count` says whether it was written now.",
    arguments=(
        _CONNECTION,
        Argument(
            name="table",
            summary="Name of the table, a fixed text, as the database has it.",
            kind=Kind.STATEMENT,
            required=True,
            example="table: entry",
        ),
        Argument(
            name="values",
            summary="Values by column.",
            kind=Kind.OBJECT,
            required=True,
            example="values: {charge: '${ .id }'}",
        ),
        Argument(
            name="key",
            summary="Columns that are unique together; `step_id` with the key of the step unless given.",
            kind=Kind.CHOICES,
            example="key: [number]",
        ),
    ),
    output=ROWS,
    example="{connection: ledger, table: entry, values: {charge: '${ .id }'}}",
    effect=EffectClass.KEYED,
)

DECLARATION = Declaration(
    name="sql",
    summary="Databases that speak SQL.",
    make="connectors.sql.connector:SqlConnector",
    large=True,
    operations=(QUERY, EXECUTE, INSERT),
)
