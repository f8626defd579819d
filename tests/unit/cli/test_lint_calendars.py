"""`exlify lint` holds the calendar of a schedule against those of the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import group

OFFICE = "office: {zone: Europe/Berlin, hours: ['09:00-17:00']}"
DEFINITION = """
document:
  dsl: 1.0.3
  namespace: test
  name: report
  version: 1.0.0
  metadata: {schedule: {timeZone: Europe/Berlin, calendar: CALENDAR}}
schedule: {SCHEDULE}
do: [{note: {set: {seen: true}}}]
"""


@pytest.mark.parametrize(
    ("calendar", "schedule", "said"),
    [
        ("office", "cron: '0 9 * * *'", "no faults"),
        ("office", "cron: '* * * * *'", "no faults"),
        ("office", "every: {hours: 1}", "no faults"),
        ("offices", "cron: '0 9 * * *'", ":7:60: warning[calendar]: this site has no calendar 'offices'"),
        ("offices", "cron: '0 9 * * *'", "did you mean office?"),
        ("factory", "every: {hours: 1}", "write it into calendars.yaml"),
        ("office", "cron: '30 6 * * *'", ":7:60: warning[calendar]: nothing starts until "),
        ("office", "cron: '0 9 * * SUN'", "none of the times of `cron` is working time of 'office'"),
        ("office", "after: {hours: 1}", "error[schedule]: `calendar` is for `cron` and `every`"),
    ],
)
def test_lint_knows_the_calendars_of_the_site(tmp_path: Path, calendar: str, schedule: str, said: str) -> None:
    (tmp_path / "calendars.yaml").write_text(OFFICE)
    file = tmp_path / "report.yaml"
    file.write_text(DEFINITION.replace("CALENDAR", calendar).replace("SCHEDULE", schedule))
    result = CliRunner(env={"EXLIFY_SITE_DIR": str(tmp_path)}).invoke(group, ["lint", str(file)])
    assert said in result.stdout, result.output
    assert result.exit_code == (2 if "error" in said else 0)
