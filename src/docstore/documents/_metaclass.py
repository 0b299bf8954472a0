"""Lets classes be derived from documents that are bound already."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from beanie import Document as BeanieDocument
from beanie.odm.fields import ExpressionField

from docstore.documents.known_to_others import UnboundField

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

    if not TYPE_CHECKING:  # a type checker would take every attribute for one that is there

        def __getattr__(cls, name: str) -> Any:
            """Raises AttributeError; says which of the two it is, no such field or no Store."""
            try:
                return super().__getattr__(name)
            except AttributeError:
                fields = cls.__dict__.get("__pydantic_fields__")
                if name.startswith("_") or not fields:
                    raise
            raise _missing_attribute(cls.__name__, name, fields)


def _missing_attribute(model: str, name: str, fields: Iterable[str]) -> AttributeError:
    if name in fields:
        return UnboundField(
            f"{model}.{name} cannot be asked for: {model} is not bound to a database.",
            hint="Open a Store first: async with Store.from_env(models=(*ALL, Mine)) as store: ...",
            collection=model,
            field=name,
        )
    near = get_close_matches(name, fields, n=1)
    return AttributeError(
        f"{model} has no field or attribute {name!r}." + (f" Did you mean {near[0]!r}?" if near else "")
    )


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
