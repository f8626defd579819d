"""Marketing response: calls of a bank that drift, for trying how a model is watched. No model of it is bundled."""
