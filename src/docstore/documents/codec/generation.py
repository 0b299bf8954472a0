"""Functions written as source and compiled once: straight-line code over a class's fields, and nothing else.

No text from outside gets into the source: names of variables are made here, and values are bound, not written.
"""

from collections.abc import Callable
from typing import Any, Final

Lines = list[str]

BAIL: Final = object()
"""What a part answers when it meets what it does not know."""


class Source:
    """The source of one function.

    Args:
        head: its ``def`` line without the colon.
        bail: the statement that stands for ``{bail}``.
    """

    def __init__(self, head: str, bail: str) -> None:
        self._head = head
        self._bail = bail
        self._lines: Lines = []
        self._bound: dict[str, Any] = {}
        self._names: dict[int, str] = {}

    def bind(self, value: object) -> str:
        """The name under which the function sees `value`."""
        if value is None or value is True or value is False:
            return repr(value)
        name = self._names.get(id(value))
        if name is None:
            name = f"_{len(self._bound)}"
            self._names[id(value)] = name
            self._bound[name] = value
        return name

    def name(self, name: str, value: object) -> None:
        """Let the function see `value` under a name of the caller's choice."""
        self._bound[name] = value

    def add(self, *lines: str, indent: int = 0) -> None:
        """Append lines."""
        self._lines += [" " * 4 * (indent + 1) + line.replace("{bail}", self._bail) for line in lines]

    def compile(self) -> Callable[..., Any]:
        """The function."""
        text = "\n".join([f"{self._head}:", *self._lines])
        namespace = dict(self._bound)
        exec(compile(text, f"<docstore codec: {self._head}>", "exec"), namespace)  # noqa: S102 - our own text alone
        made: Callable[..., Any] = namespace[self._head.removeprefix("def ").partition("(")[0]]
        return made
