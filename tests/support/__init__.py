"""What several suites share: real parts in test size, never imitations of them."""

import pytest

# They assert for the tests, and a failure should show the values; this must be said before they are imported.
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in ("desk", "gateways", "trial")))
