"""What a kind of value is to a codec: lines of Python that read it, judge it and store it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from docstore.documents.codec.generation import BAIL, Lines, Source


class Shape(ABC):
    """What the values of a field are."""

    @property
    def takes_none(self) -> bool:
        """Whether None is for the kind itself to judge."""
        return False

    @property
    def zoneless(self) -> bool:
        """Whether instants may be read without their zone, which the driver sets at a price: they become UTC anyway."""
        return True

    @abstractmethod
    def misread(self, value: str, source: Source) -> str:
        """An expression that is true when a stored value is not of this kind."""

    def read(self, value: str, source: Source, *, fresh: bool = False) -> Lines:
        """Lines that turn a stored value of this kind into the field's value.

        Args:
            value: the variable.
            source: the function they become part of.
            fresh: the value was decoded just now, with no zones set, and nobody else holds it.
        """
        return []

    def unsettled(self, value: str, source: Source) -> str:
        """An expression that is true unless validation would return the value in memory as it is."""
        return self.misread(value, source)

    def store(self, value: str, source: Source) -> Lines:
        """Lines that turn a settled value into what is stored."""
        return []


def through(value: str, source: Source, function: Callable[[Any], Any]) -> Lines:
    """Lines that replace a value by what a function makes of it; the function answers BAIL to what it does not know."""
    bail = source.bind(BAIL)
    return [f"{value} = {source.bind(function)}({value})", f"if {value} is {bail}:", "    {bail}"]
