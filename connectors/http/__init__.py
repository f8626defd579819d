"""Systems that speak HTTP: `call: http`.

The declaration stands here; `request` reads the arguments, `connector` sends, `status` judges what came back.
"""

from connectors.declaration import Declaration
from schemas.functions import Argument, Function, Kind

METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")
OUTPUTS = ("content", "raw", "response")

HTTP = Function(
    name="http",
    summary="Sends a request to a system that speaks HTTP.",
    arguments=(
        Argument(
            name="method",
            summary="Method of the request.",
            kind=Kind.CHOICE,
            required=True,
            choices=METHODS,
            example="method: get",
        ),
        Argument(
            name="endpoint",
            summary="Where to: https://host/{name}, or connection://NAME/path with an address from the settings.",
            kind=Kind.ADDRESS,
            required=True,
            example="endpoint: https://example.com/orders/{id}",
        ),
        Argument(name="headers", summary="Headers by name.", kind=Kind.OBJECT, example="headers: {Accept: text/csv}"),
        Argument(name="query", summary="The query, by name.", kind=Kind.OBJECT, example="query: {page: 2}"),
        Argument(name="body", summary="Body, written by the media type of the header Content-Type; JSON unless given."),
        Argument(
            name="output",
            summary="What becomes of the answer: its decoded body, the body in Base64, or everything.",
            kind=Kind.CHOICE,
            choices=OUTPUTS,
            example="output: content",
        ),
        Argument(
            name="redirect",
            summary="Whether an answer of 300 to 399 is a result; redirects are never followed.",
            kind=Kind.FLAG,
            example="redirect: true",
        ),
    ),
    output={"description": "The decoded body; a status outside 200 to 299 is an error with that status."},
    example="{method: get, endpoint: https://example.com/orders/{id}}",
    effect_note="by method: GET, HEAD, OPTIONS read; PUT, DELETE idempotent; POST, PATCH blind",
)

DECLARATION = Declaration(
    name="http", summary="Systems that speak HTTP.", make="connectors.http.connector:HttpConnector", operations=(HTTP,)
)
