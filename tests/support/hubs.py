"""The hub in test size: what answers has time, also on a busy machine; what never answers costs a moment."""

from __future__ import annotations

from connectors.hub.pipeline import CallLimits

CALM = CallLimits(total_timeout_s=25.0, try_timeout_s=20.0)
QUICK = CallLimits(total_timeout_s=5.0, try_timeout_s=1.0)  # only for peers that stay silent
