"""Lets classes be derived from documents that are bound already."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from beanie import Document as BeanieDocument
from beanie.odm.fields import ExpressionField

if TYPE_CHECKING:  # named, because a metaclass of unknown type would make every attribute of every model unknown
    from pydantic._internal._model_construction import ModelMetaclass as _BeanieMeta
else:
    _BeanieMeta = type(BeanieDocument)


class DocumentMeta(_BeanieMeta):
    """Hides Beanie's query expressions while pydantic collects a subclass's fields.

    Binding a model puts an expression in place of each field's default (``Post.title == "x"``). Pydantic would take it
    for the default of the inherited field. And gives a model that is `versioned` its field.
    """

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        if namespace.get("versioned") is True and "version" not in namespace.get("__annotations__", {}):
            # A class variable cannot ask pydantic for a field once the class is made.
            namespace = {
                **namespace,
                "__annotations__": {**namespace.get("__annotations__", {}), "version": int},
                "version": 0,
            }
        with _hidden_expressions(bases):
            return super().__new__(mcls, name, bases, namespace, **kwargs)


@contextmanager
def _hidden_expressions(bases: tuple[type, ...]) -> Iterator[None]:
    ancestors = {ancestor for base in bases for ancestor in base.__mro__}
    hidden = [
        (ancestor, attribute, value)
        for ancestor in ancestors
        for attribute, value in list(vars(ancestor).items())
        if isinstance(value, ExpressionField)
    ]
    for ancestor, attribute, _ in hidden:
        delattr(ancestor, attribute)
    try:
        yield
    finally:
        for ancestor, attribute, value in hidden:
            setattr(ancestor, attribute, value)
