"""Marketing response: from calls of a bank, which drift, to a model certified on what was latest, and watched."""
