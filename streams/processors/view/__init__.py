"""Station 6, view: what happened becomes rows that people can query."""
