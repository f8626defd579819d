"""The whole journey on real parts: what the project promises to whoever uses it."""
