"""Station 4, decide: steps that ask a model."""
