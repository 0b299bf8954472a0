"""What a model's class says of attributes it does not have (yet), and of being frozen."""

from typing import Any

import pytest
from beanie.exceptions import CollectionWasNotInitialized
from pydantic import ConfigDict, Field

from docstore.documents import Document
from docstore.errors import NotBound, SettingsError, ValidationFailed


def model() -> Any:
    """A class that nobody bound before."""

    class Shelf(Document):
        name: str = ""
        floor: int = 0

    return Shelf


def test_before_a_store_is_open_a_field_says_so() -> None:
    shelf = model()
    with pytest.raises(NotBound, match=r"Shelf\.name cannot be asked for.*Open a Store") as told:
        _ = shelf.name == "a"
    assert isinstance(told.value, AttributeError)
    assert isinstance(told.value, CollectionWasNotInitialized)
    assert not hasattr(shelf, "name")


async def test_a_misspelled_field_names_the_right_one(bind_models: Any) -> None:
    shelf = model()
    with pytest.raises(AttributeError, match=r"Shelf has no field or attribute 'nmae'. Did you mean 'name'"):
        _ = shelf.nmae
    await bind_models(shelf)
    assert str(shelf.name) == "name"
    with pytest.raises(AttributeError, match="Did you mean 'name'"):
        _ = shelf.nmae
    with pytest.raises(AttributeError, match=r"no field or attribute 'colour'\.$"):
        _ = shelf.colour
    assert getattr(shelf, "_none", None) is None


async def test_values_that_fit_no_field_are_told_in_words_for_people(bind_models: Any) -> None:
    shelf = model()
    await bind_models(shelf)
    with pytest.raises(ValidationFailed, match="what fits is an ObjectId or its 24 hexadecimal digits"):
        shelf.find(shelf.id == "zz")
    with pytest.raises(ValidationFailed, match="what fits is text that is valid Unicode"):
        shelf.find(shelf.name == "\ud800")


async def test_a_frozen_document_is_refused_before_it_writes_anything(bind_models: Any) -> None:
    class Fixed(Document):
        model_config = ConfigDict(frozen=True)

    with pytest.raises(SettingsError, match=r"Fixed is frozen.*one by one"):
        await bind_models(Fixed)


async def test_a_frozen_field_is_written_and_read(bind_models: Any) -> None:
    class Partly(Document):
        code: str = Field(frozen=True)
        size: int = 0

    await bind_models(Partly)
    made = await Partly(code="a").insert()
    await made.set({"size": 2})
    await made.delete()
    assert (await made.restore()).size == 2
