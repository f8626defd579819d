"""What is told about rows that come in; labels are names of `rows.yaml`."""

from prometheus_client import Counter, Gauge

ROWS = Counter(
    "exlify_rows_total", "Rows of databases, by what became of them: published or broken.", ["source", "fate"]
)
STUCK = Gauge(
    "exlify_rows_stuck",
    "1 while the rows of a source cannot be read or published. The log of the gateway says why.",
    ["source"],
)

ALL = (ROWS, STUCK)
