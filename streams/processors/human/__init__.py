"""Station 4, human: steps that ask people."""
