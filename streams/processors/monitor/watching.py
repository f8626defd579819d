"""What labels say of a model: the evidence on each of its routes, under each of its certificates. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from models.serving.certificate import digest
from models.watching import detector


class Watch(msgspec.Struct):
    """What is known of one route of one version under one certificate."""

    model: str
    model_version: str
    files_sha256: str
    route: str
    target: float
    evidence: tuple[float, ...] = detector.START
    audits: int = 0
    wrong: int = 0
    labels: int = 0
    contradictions: int = 0
    alarmed_ms: int | None = None
    at_ms: int = 0

    @property
    def watch_id(self) -> str:
        """Its name."""
        return watch_id(self.model, self.model_version, self.files_sha256, self.route)

    def fields(self) -> dict[str, Any]:
        """Those of the message ModelWatch."""
        found = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            **found,
            "watch_id": self.watch_id,
            "evidence": detector.strength(self.evidence),
            "alarm_at": detector.ALARM_AT,
        }


def watch_id(model: str, version: str, files_sha256: str, route: str) -> str:
    """The name of a watch."""
    return f"{model}@{version}#{files_sha256[:16]}/{route}"


def files_of(label: Mapping[str, Any]) -> str:
    """One hash over the files that decided; empty where they had no certificate, or none is on record."""
    covers, certificate = label["covers"], label["certificate_sha256"]
    return digest(covers.encode(), certificate.encode()) if covers and certificate else ""


def watch_of(label: Mapping[str, Any]) -> Watch | None:
    """The beginning of the watch that a label is for; None where no model has decided alone under a certificate, or
    under one that allows so many wrong cases that none could be too many."""
    files = files_of(label)
    if not files or label["target"] is None or label["route"] == "review":
        return None
    if not 0 < label["target"] < detector.LARGEST:
        return None
    return Watch(label["model"], label["model_version"], files, label["route"], label["target"])


def noted(watch: Watch, label: Mapping[str, Any]) -> None:
    """Takes a label in. Only the first one of a decision that was drawn counts; after an alarm nothing does."""
    watch.labels += 1
    watch.contradictions += label["contradicts"]
    watch.at_ms = max(watch.at_ms, label["at_ms"])
    if not (label["first"] and label["drawn"]) or watch.alarmed_ms is not None:
        return
    wrong = label["label"] != label["route"]
    watch.audits += 1
    watch.wrong += wrong
    watch.evidence = detector.noted(watch.evidence, wrong, watch.target)
    if detector.strength(watch.evidence) >= detector.ALARM_AT:
        watch.alarmed_ms = label["at_ms"]


def why(watch: Watch) -> str:
    """Why a model is suspended, for people."""
    return (
        f"{watch.wrong} of {watch.audits} audited decisions for {watch.route} were wrong, and at most "
        f"{watch.target:.1%} are allowed: certify another version, or this one anew"
    )
