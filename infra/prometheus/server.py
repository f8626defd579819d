"""Debian's Prometheus beside a local system, for `exlify up --watch`; what it writes stands in the data folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from infra.local import ports
from infra.local.answering import answers
from infra.local.process import Launch
from infra.prometheus import TARGETS_FILE

PROGRAM = "prometheus"
RULES = ("alerts.yml", "slo.yml")
HERE = Path(__file__).parent
KEPT = "15d"


def installed() -> bool:
    """Whether there is a Prometheus on this machine."""
    return shutil.which(PROGRAM) is not None


def port_of(data_dir: Path) -> int:
    """A free port, the same at every start where it is free."""
    return ports.remembered(data_dir / "prometheus-port.json", [PROGRAM])[PROGRAM]


def url_of(port: int) -> str:
    """Where it answers."""
    return f"http://{ports.LOOPBACK}:{port}"


def launch(data_dir: Path, port: int, every_s: int = 5, rules: Path = HERE) -> Launch:
    """What to run; the processes that it watches are those of the targets file, whenever that changes. `rules` is the
    folder of its rules."""
    home = data_dir.absolute() / PROGRAM
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    targets = {"files": [str(data_dir.absolute() / TARGETS_FILE)], "refresh_interval": f"{every_s}s"}
    configuration = {
        "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": "15s"},
        "rule_files": [str(rules / name) for name in RULES],
        "scrape_configs": [{"job_name": "exlify", "file_sd_configs": [targets]}],
    }
    file = home / "prometheus.yml"
    file.write_text(json.dumps(configuration, indent=2) + "\n")  # JSON is YAML
    argv = (
        PROGRAM,
        f"--config.file={file}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--storage.tsdb.retention.time={KEPT}",
        f"--web.listen-address={ports.LOOPBACK}:{port}",
        "--log.level=warn",
    )
    return Launch(argv, data_dir.absolute() / "logs" / f"{PROGRAM}.log")


def is_ready(url: str) -> bool:
    """Whether it answers."""
    return answers(f"{url}/-/ready")
