"""The hub in test size: what does not answer costs a moment."""

from __future__ import annotations

from connectors.hub.pipeline import CallLimits

QUICK = CallLimits(total_timeout_s=5.0, try_timeout_s=0.4)
