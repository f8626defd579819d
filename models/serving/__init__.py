"""Asking a model: its card, its features, prediction with reasons, and which version is active."""
