"""Which person a piece of work is for: how fast each has been, how much each has, and what waiting costs. Pure."""
