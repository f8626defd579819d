"""Mappings: how one value becomes another, said as data: fields, types, lookups, dates, lists, and its own tests."""

from connectors.mappings.mapping import Mapping, Test, mapping_of
from connectors.mappings.reading import MappingFault
from connectors.mappings.rules import MappingError

__all__ = ["Mapping", "MappingError", "MappingFault", "Test", "mapping_of"]
