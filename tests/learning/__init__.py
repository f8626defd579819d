"""The whole learning loop on a real site, with a model whose cases drift: watched, suspended, relearned, promoted."""
