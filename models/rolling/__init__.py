"""Rolling features: what happened at a card, a terminal, or whatever has a name, in the days before."""
