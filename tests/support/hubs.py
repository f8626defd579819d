"""The hub in test size: pauses so short that retries cost milliseconds."""

from __future__ import annotations

from connectors.hub.pipeline import CallLimits

QUICK = CallLimits(total_timeout_s=5.0, try_timeout_s=0.4, first_pause_s=0.001, max_pause_s=0.01)
