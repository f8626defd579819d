"""Everything fails at once, from a seed: systems outside, workers, the broker. What must be true is read from the
ledgers of the systems and from topics alone."""
