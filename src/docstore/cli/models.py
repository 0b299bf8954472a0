"""The document classes a command works with, found by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from docstore.errors import SettingsError


def load_models(at: str) -> tuple[type[Any], ...]:
    """The classes of the sequence at ``package.module:NAME``; modules of the current directory are found.

    Raises:
        SettingsError: nothing of that name can be imported, or it is no sequence of document classes.
    """
    module_name, _, name = at.partition(":")
    module = _imported(module_name)
    found = getattr(module, name, None)
    if found is None:
        raise SettingsError(
            f"MODELS is {at}, but {module_name} has no {name}.",
            hint=f"List your document classes there: {name} = (Author, Post).",
            field="MODELS",
        )
    if not isinstance(found, Sequence) or not found or not all(_is_document(each) for each in found):
        raise SettingsError(
            f"MODELS is {at}, which is {_told(found)}: a sequence of document classes is needed.",
            hint=f"List your document classes there: {name} = (Author, Post).",
            field="MODELS",
        )
    return tuple(found)


def _imported(name: str) -> ModuleType:
    # A command is started in the project it is for, as `python -m` is, but installed scripts do not look there.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise SettingsError(
                f"MODELS names the module {name}, which does not exist.",
                hint="Write package.module:NAME, and run the command in the directory that holds the package.",
                field="MODELS",
            ) from error
        raise _broken(name, error) from error
    except Exception as error:
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"MODELS names the module {name}, which cannot be imported: {type(error).__name__}: {error}",
        hint=f'See where with: python -c "import {name}".',
        field="MODELS",
    )


def _is_document(each: object) -> bool:
    # Documents, views and unions have it; importing their base classes here would cost the start a second.
    return isinstance(each, type) and hasattr(each, "get_settings")


def _told(found: object) -> str:
    if isinstance(found, Sequence) and not isinstance(found, str):
        if not found:
            return "empty"
        other = next(each for each in found if not _is_document(each))
        return f"a sequence that holds {other.__name__ if isinstance(other, type) else f'a {type(other).__name__}'}"
    return f"a {type(found).__name__}"
