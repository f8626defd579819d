"""What gauges say of models: of the versions that decide or are tried beside, and of no others.

A version that was replaced would else be told of as it was last, and an alert about it would never end.
"""

from __future__ import annotations

from models.serving.errors import UnknownModelError
from models.watching import detector
from streams.processors import monitor
from streams.processors.decide.states import ModelBook
from streams.processors.monitor.watching import Watch

OF_ROUTES = (monitor.ERROR, monitor.TARGET, monitor.EVIDENCE)


class Gauges:
    """Those of this process."""

    def __init__(self, book: ModelBook) -> None:
        self._book = book
        self._routes: set[tuple[str, str, str]] = set()
        self._moved: set[tuple[str, str]] = set()

    def show(self, watch: Watch) -> None:
        """What is known of a route of a version."""
        place = (watch.model, watch.model_version, watch.route)
        if not self._counts(*place[:2]):
            return  # a label that came late
        self._routes.add(place)
        monitor.ERROR.labels(*place).set(watch.wrong / watch.audits if watch.audits else 0.0)
        monitor.TARGET.labels(*place).set(watch.target)
        monitor.EVIDENCE.labels(*place).set(detector.strength(watch.evidence))

    def show_moved(self, model: str, version: str, fields: int) -> None:
        """How many fields of the cases of a version have moved."""
        if self._counts(model, version):
            self._moved.add((model, version))
            monitor.DRIFTED.labels(model, version).set(fields)

    def tidy(self) -> None:
        """Takes back what was said of versions that neither decide nor are tried by now."""
        for place in [each for each in self._routes if not self._counts(*each[:2])]:
            self._routes.discard(place)
            for gauge in OF_ROUTES:
                gauge.remove(*place)
        for of in [each for each in self._moved if not self._counts(*each)]:
            self._moved.discard(of)
            monitor.DRIFTED.remove(*of)

    def _counts(self, model: str, version: str) -> bool:
        try:
            pin = self._book.pin(model)
        except UnknownModelError:  # retired
            return False
        return pin is None or version in (pin.version, pin.rival.version if pin.rival else None)
