"""Station 4, call: steps that ask an outside system."""
