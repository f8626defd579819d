"""Station 3, orchestrate: the engine on the inbox."""
