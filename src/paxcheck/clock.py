"""A logical clock as data; for all layers."""

from typing import TypeAlias

Clock: TypeAlias = int | dict[str, int]
"""A Lamport clock (one number) or a vector clock (node -> number)."""
