"""Files in folders that the site names: `call: file.write`, `call: file.read`; `connector` has what is done to them."""

from connectors.declaration import Declaration
from schemas.functions import Argument, EffectClass, Function, Kind

FOLDER = Argument(
    name="connection",
    summary="Name of the folder in the settings: file:///srv/exchange.",
    kind=Kind.NAME,
    required=True,
    example="connection: exchange",
)


def file_in(folder: str, example: str) -> Argument:
    """The argument that names a file; `folder` is what the folder is called, `example` a name."""
    return Argument(
        name="file",
        summary=f"Name of the file, in {folder} or below it.",
        kind=Kind.LINE,
        required=True,
        max_length=500,
        example=f"file: {example}",
    )


_WHERE = (FOLDER, file_in("the folder", "orders.csv"))
FORMAT = Argument(
    name="format",
    summary="How records stand in it: csv, fixed, ndjson, json, xml or avro, or a mapping with its members.",
    example="format: {type: csv, header: true}",
)

WRITE = Function(
    name="file.write",
    summary="Writes a file, whole or not at all, in place of one of its name.",
    arguments=(
        *_WHERE,
        Argument(
            name="content",
            summary="A text, with `format` a list of records, or anything else as JSON.",
            required=True,
            example="content: '${ .orders }'",
        ),
        FORMAT,
    ),
    output={
        "type": "object",
        "required": ["file", "bytes", "sha256"],
        "properties": {
            "file": {"type": "string"},
            "bytes": {"type": "integer"},
            "sha256": {"type": "string"},
            "records": {"type": "integer"},
        },
    },
    example="{connection: exchange, file: orders.csv, content: '${ .orders }', format: {type: csv, header: true}}",
    effect=EffectClass.IDEMPOTENT,
)

READ = Function(
    name="file.read",
    summary="Reads a file of up to 512 KiB as a text, with `format` as a list of records.",
    arguments=(*_WHERE, FORMAT),
    output={"type": ["string", "array"]},
    example="{connection: exchange, file: rates.csv, format: {type: csv, header: true}}",
    effect=EffectClass.READ,
)

DECLARATION = Declaration(
    name="file",
    summary="Files in folders.",
    make="connectors.file.connector:FileConnector",
    operations=(WRITE, READ),
)
