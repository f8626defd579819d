"""What a file of the truth says of decisions, before it is sent."""

from pathlib import Path

import pytest

from streams.cli.truth import _told

COLUMNS = ("decision_id", "label", "at")


@pytest.mark.parametrize(
    ("label", "said"), [(1234567.0, "1234567"), (1.0, "1"), (0.123456789, "0.123456789"), (3, "3"), ("no", "no")]
)
def test_label_is_told_whole(label: object, said: str) -> None:
    (told,) = _told(Path("truth.csv"), [{"decision_id": "a", "label": label}], COLUMNS, {})
    assert told == {"decision_id": "a", "label": said}
