"""What is told about the files of the site folder; no label holds anything of what is in them."""

from prometheus_client import Gauge

FAULTY = Gauge(
    "exlify_site_file_faulty",
    "1 while a file of the site folder is faulty; what it said before stays in force.",
    ["file"],
)
INFO = Gauge(
    "exlify_site_file_info", "1 for the digest of a site file that is in force in this process.", ["file", "digest"]
)

ALL = (FAULTY, INFO)
