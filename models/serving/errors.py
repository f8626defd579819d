"""Errors of the decision layer, by what the caller can do about them.

    ModelError
    ├── UnknownModelError   not in the registry: correct the definition or install the model
    ├── RefusedModelError   files are not what the card says, or not allowed: install again or train anew
    │   └── ChangedModelError  not the file that the card pins: what needs it goes to people meanwhile
    └── FeatureError        the input does not fit the model: correct the input

No text repeats a value of the input, which may be personal.
"""

from __future__ import annotations


class ModelError(Exception):
    """A decision cannot be made; the text is one line with place, reason and remedy."""


class UnknownModelError(ModelError):
    """No such model."""


class RefusedModelError(ModelError):
    """A model that must not be used."""


class ChangedModelError(RefusedModelError):
    """The model file is not the one that its card pins: it is never run, and its cases are for people."""


class FeatureError(ModelError):
    """One field of an input that a model cannot read."""

    def __init__(self, field: str, reason: str, remedy: str, *, missing: bool = False) -> None:
        super().__init__(f"{field}: {reason}. {remedy}")
        self.field = field
        self.reason = reason
        self.missing = missing
