"""Watching a local Exlify with Prometheus: its configuration, its alerts, and where the processes listen.

`prometheus.yml` and `alerts.yml` stand beside this file. What `exlify up` does not know before it runs, the ports, it
writes into the data folder as Prometheus' file-based service discovery wants it; Prometheus notices by itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

TARGETS_FILE = "prometheus-targets.json"


def write_targets(data_dir: Path, metrics: Mapping[str, str]) -> Path:
    """Writes the targets file for processes by name and the URLs of their `/metrics`; gives its path."""
    groups = [{"targets": [urlsplit(url).netloc], "labels": {"process": name}} for name, url in metrics.items()]
    file = data_dir / TARGETS_FILE
    staged = file.with_suffix(".new")
    staged.write_text(json.dumps(groups, indent=2) + "\n")
    os.replace(staged, file)
    return file
