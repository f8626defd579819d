"""Watching models while they decide: whether the certified error still holds, and whether their cases have changed."""
