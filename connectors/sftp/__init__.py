"""Files on other machines by SFTP: `call: sftp.get`, `sftp.put`, `sftp.list` and `sftp.move`.

The declaration stands here. `connector` plans calls and says what came of them, `address` knows servers, `sessions`
keeps connections to them, `work` does what is asked on one, and `failures` says what went wrong.
"""

from connectors.declaration import Declaration
from connectors.file import FORMAT, file_in
from schemas.functions import Argument, EffectClass, Function, Kind

_CONNECTION = Argument(
    name="connection",
    summary="Name of the server in the settings: sftp://USER@HOST/FOLDER.",
    kind=Kind.NAME,
    required=True,
    example="connection: warehouse",
)
_FILE = file_in("the folder of the connection", "orders.csv")

GET = Function(
    name="sftp.get",
    summary="Reads a file of up to 512 KiB as a text, with `format` as a list of records.",
    arguments=(_CONNECTION, _FILE, FORMAT),
    output={"type": ["string", "array"]},
    example="{connection: warehouse, file: stock.csv, format: {type: csv, header: true}}",
    effect=EffectClass.READ,
)
PUT = Function(
    name="sftp.put",
    summary="Writes a file, whole or not at all: under another name first, then renamed.",
    arguments=(
        _CONNECTION,
        _FILE,
        Argument(
            name="content",
            summary="A text, with `format` a list of records, or anything else as JSON.",
            required=True,
            example="content: '${ .orders }'",
        ),
        FORMAT,
        Argument(
            name="replace",
            summary="Whether a file of its name with another content is replaced, as it is unless this says false.",
            kind=Kind.FLAG,
            example="replace: false",
        ),
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
    example="{connection: warehouse, file: orders.csv, content: '${ .orders }', format: {type: csv, header: true}}",
    effect=EffectClass.IDEMPOTENT,
)
LIST = Function(
    name="sftp.list",
    summary="Lists the files of a folder, by name, up to 1,000 of them.",
    arguments=(
        _CONNECTION,
        Argument(
            name="folder",
            summary="A folder below that of the connection.",
            kind=Kind.LINE,
            max_length=500,
            example="folder: out",
        ),
        Argument(
            name="match",
            summary="What their names are like; all unless given.",
            kind=Kind.LINE,
            max_length=200,
            example="match: 'STOCK*.csv'",
        ),
    ),
    output={
        "type": "object",
        "required": ["files", "count"],
        "properties": {
            "files": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["file", "bytes", "modifiedAt"],
                    "properties": {
                        "file": {"type": "string"},
                        "bytes": {"type": "integer"},
                        "modifiedAt": {"type": "string"},
                    },
                },
            },
            "count": {"type": "integer"},
        },
    },
    example="{connection: warehouse, folder: out, match: 'STOCK*.csv'}",
    effect=EffectClass.READ,
)
MOVE = Function(
    name="sftp.move",
    summary="Gives a file another name or folder, never in place of another one; `moved` says whether it was done now.",
    arguments=(
        _CONNECTION,
        _FILE,
        Argument(
            name="to",
            summary="Its new name, in the folder of the connection or below it.",
            kind=Kind.LINE,
            required=True,
            max_length=500,
            example="to: archive/orders.csv",
        ),
    ),
    output={
        "type": "object",
        "required": ["file", "moved"],
        "properties": {"file": {"type": "string"}, "moved": {"type": "boolean"}},
    },
    example="{connection: warehouse, file: out/stock.csv, to: archive/stock.csv}",
    effect=EffectClass.IDEMPOTENT,
)

DECLARATION = Declaration(
    name="sftp",
    summary="Files on other machines by SFTP.",
    make="connectors.sftp.connector:SftpConnector",
    large=True,
    operations=(GET, PUT, LIST, MOVE),
)
