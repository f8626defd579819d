"""What is told about files that come in; labels are names of `files.yaml`."""

from prometheus_client import Counter, Gauge

RECORDS = Counter(
    "exlify_file_records_total", "Records of files, by what became of them: published or broken.", ["source", "fate"]
)
FILES = Counter(
    "exlify_files_total",
    "Files that came in, by what became of them: read, known (read before) or broken off.",
    ["source", "fate"],
)
STUCK = Gauge(
    "exlify_files_stuck",
    "1 while the files of a source cannot be looked at or read. The log of the gateway says why.",
    ["source"],
)

ALL = (RECORDS, FILES, STUCK)
