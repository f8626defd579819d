"""The whole journey on real parts: what the project promises to whoever uses it."""

import pytest

# They assert for the tests, and a failure should show the values; this must be said before they are imported.
pytest.register_assert_rewrite(f"{__name__}.onboarding", f"{__name__}.refold", f"{__name__}.journey")
