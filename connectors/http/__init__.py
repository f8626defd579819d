"""Systems that speak HTTP: `call: http`, and `call: openapi` by their documents.

The declarations stand here. `openapi` knows documents, `operation` makes a request of a call by one.
`request` reads the arguments, with `address` and `headers`; `connector` sends, through a
`client` that keeps to the policy; `reply` reads what came back within bounds, `status` judges it, `output` shows it,
`outcomes` says what it comes to. `files` has bodies that are files of this site.
"""

from connectors.declaration import Declaration
from connectors.file import FOLDER, file_in
from connectors.hub import documents
from schemas.functions import Argument, EffectClass, Function, Kind, Values

# What HTTP says of its methods (RFC 9110, 9.2), unless a definition says otherwise.
EFFECTS = {
    "GET": EffectClass.READ,
    "HEAD": EffectClass.READ,
    "OPTIONS": EffectClass.READ,
    "PUT": EffectClass.IDEMPOTENT,
    "DELETE": EffectClass.IDEMPOTENT,
    "POST": EffectClass.BLIND,
    "PATCH": EffectClass.BLIND,
}
# How a request is framed, and whom the connection is with, is the client's to say. In lower case.
REFUSED_HEADERS = (
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
CONTENT = "content"  # the body, decoded by its media type
RAW = "raw"  # the body, Base64
RESPONSE = "response"  # status, headers and decoded body, with the request

LINK, CURSOR, OFFSET, PAGE = "link", "cursor", "offset", "page"  # how a list is divided into pages
MOST_PAGES = 1_000
_WHOLE = {"type": "integer", "minimum": 0}
PAGES = Argument(
    name="pages",
    summary="That the answer is a list in pages, all of which are asked for, and how it is divided.",
    kind=Kind.OBJECT,
    example="pages: {by: link}",
    members=(
        Argument(
            name="by",
            summary="What the next page is asked with: link, cursor, offset or page number; as the connection says.",
            kind=Kind.CHOICE,
            choices=(LINK, CURSOR, OFFSET, PAGE),
            example="by: link",
        ),
        Argument(
            name="items",
            summary="Where the items are in a page; the page itself unless given.",
            kind=Kind.LINE,
            example="items: .data",
        ),
        Argument(
            name="next",
            summary="Where a page tells the next: a path, or a header; of a link the header Link unless given.",
            kind=Kind.LINE,
            example="next: .meta.next",
        ),
        Argument(
            name="parameter",
            summary="Where the system is told which page: a name in the query, or a path in the body.",
            kind=Kind.LINE,
            example="parameter: after",
        ),
        Argument(
            name="size",
            summary="Items of a page; one that has fewer is the last.",
            kind=Kind.TYPED,
            schema={"type": "integer", "minimum": 1, "maximum": 100_000},
            example="size: 100",
        ),
        Argument(
            name="limit",
            summary="The name in the query that tells the system the size.",
            kind=Kind.LINE,
            example="limit: per_page",
        ),
        Argument(
            name="first",
            summary="The first number or offset; 1 and 0 unless given.",
            kind=Kind.TYPED,
            schema=_WHOLE,
            example="first: 0",
        ),
        Argument(
            name="most",
            summary=f"Pages that are taken; a list that has more is an error. 100 unless given, at most {MOST_PAGES}.",
            kind=Kind.TYPED,
            schema={"type": "integer", "minimum": 1, "maximum": MOST_PAGES},
            example="most: 20",
        ),
        Argument(
            name="at", summary="The page to begin with, as the one before tells it.", example="at: '${ .cursor }'"
        ),
    ),
)

MOST_SAVED = 10 * 2**30  # bytes, unless given
_FILE = (FOLDER, file_in("the folder", "export.csv"))
SAVE = Argument(
    name="save",
    summary="The file that the body of the answer goes into as it comes, whole or not at all.",
    kind=Kind.OBJECT,
    example="save: {connection: exchange, file: export.csv}",
    members=(
        *_FILE,
        Argument(
            name="most",
            summary=f"Bytes that it may have, unpacked; {MOST_SAVED} unless given.",
            kind=Kind.TYPED,
            schema={"type": "integer", "minimum": 1, "maximum": 2**50},
            example="most: 2000000000",
        ),
    ),
)
SEND = Argument(
    name="send",
    summary="The file that is the body, in place of `body`; its media type is that of the header Content-Type.",
    kind=Kind.OBJECT,
    example="send: {connection: exchange, file: import.csv}",
    members=_FILE,
)
APART = ((SAVE.name, PAGES.name), (SEND.name, "body"))
AUTHENTICATION = Argument(
    name="authentication",
    summary="As whom: basic, digest, bearer or oauth2, or `{use: NAME}` for one of use.authentications.",
    kind=Kind.AUTHENTICATION,
)

HTTP = Function(
    name="http",
    summary="Sends a request to a system that speaks HTTP.",
    arguments=(
        Argument(
            name="method",
            summary="Method of the request.",
            kind=Kind.CHOICE,
            required=True,
            choices=tuple(EFFECTS),
            example="method: get",
        ),
        Argument(
            name="endpoint",
            summary="Where to: https://host/{name}, or connection://NAME/path with an address from the settings.",
            kind=Kind.ADDRESS,
            required=True,
            example="endpoint: 'https://example.com/orders/{id}'",
            members=(
                Argument(
                    name="uri",
                    summary="The address.",
                    kind=Kind.ADDRESS,
                    required=True,
                    example="uri: 'https://example.com/orders/{id}'",
                ),
                AUTHENTICATION,
            ),
        ),
        Argument(
            name="headers",
            summary="Headers by name, but for those that frame the request (Content-Length, Host ...).",
            kind=Kind.OBJECT,
            values=Values.SCALAR,
            refused=REFUSED_HEADERS,
            example="headers: {Accept: text/csv}",
        ),
        Argument(
            name="query",
            summary="The query, by name; a list repeats the name.",
            kind=Kind.OBJECT,
            values=Values.SCALARS,
            example="query: {page: 2}",
        ),
        Argument(name="body", summary="Body, written by the media type of the header Content-Type; JSON unless given."),
        SEND,
        Argument(
            name="output",
            summary="What becomes of the answer: its decoded body, the body in Base64, or everything.",
            kind=Kind.CHOICE,
            choices=(CONTENT, RAW, RESPONSE),
            example="output: content",
        ),
        Argument(
            name="redirect",
            summary="Whether an answer of 300 to 399 is a result; redirects are never followed.",
            kind=Kind.FLAG,
            example="redirect: true",
        ),
        SAVE,
        PAGES,
    ),
    paged=PAGES.name,
    apart=APART,
    output={
        "description": "The decoded body, what is told of a file, or the items of all pages; "
        "a status outside 200 to 299 is an error."
    },
    example="{method: get, endpoint: 'https://example.com/orders/{id}'}",
    effect_by=("method", EFFECTS),
    effect_note="by method: " + ", ".join(f"{method} {effect}" for method, effect in EFFECTS.items()),
)

_OF_THE_REQUEST = {argument.name: argument for argument in HTTP.arguments}

OPENAPI = Function(
    name="openapi",
    summary="Calls an operation of a system by the OpenAPI document that its connection has.",
    arguments=(
        documents.argument("petstore", "has the address"),
        Argument(
            name="operationId",
            summary="The operation, as the document names it.",
            kind=Kind.LINE,
            required=True,
            example="operationId: getPetById",
        ),
        Argument(
            name="parameters",
            summary="Its parameters by name, whatever their place.",
            kind=Kind.OBJECT,
            example="parameters: {petId: 7}",
        ),
        Argument(name="body", summary="Its body, written by the first media type of the document that can be."),
        SEND,
        AUTHENTICATION,
        _OF_THE_REQUEST["output"],
        _OF_THE_REQUEST["redirect"],
        SAVE,
        PAGES,
    ),
    paged=PAGES.name,
    apart=APART,
    output=HTTP.output,
    example="{document: {endpoint: 'connection://petstore'}, operationId: getPetById, parameters: {petId: 7}}",
    effect_note=HTTP.effect_note,
)

DECLARATION = Declaration(
    name="http",
    summary="Systems that speak HTTP.",
    make="connectors.http.connector:HttpConnector",
    operations=(HTTP, OPENAPI),
)
