"""From the server's answer to instances: the one loop between PyMongo's cursors and codecs.

An answer is taken as the bytes it came in and decoded a few documents at a time, so that each is made an instance
while the processor still has its values at hand, and thousands of dicts never wait in memory for their turn.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from bson import decode_all
from bson.codec_options import CodecOptions

from docstore.documents.codec import codec_of
from docstore.documents.guard.batches import Array, BatchCursor, documents_in

Load = Callable[[Mapping[str, Any]], Any]
Stored = dict[str, Any]

AT_A_TIME: Final = 64
"""Documents decoded at a time."""


@dataclass(frozen=True, slots=True)
class Loader:
    """How a query's answers become instances.

    Args:
        load: makes an instance of a stored document.
        load_zoneless: the same, of one decoded without the zones of its instants; None where that is not the same.
    """

    load: Load
    load_zoneless: Load | None = None


def loader_of(model: Any) -> Loader | None:
    """The loader of a class's documents as a query gives them; None where Beanie has to find the class."""
    codec = codec_of(model)
    if not codec.decides_alone:
        return None
    settings = vars(model).get("_document_settings")
    if getattr(settings, "use_state_management", False):
        zoneless = _with_state(codec.read_zoneless) if codec.read_zoneless else None
        return Loader(_with_state(codec.read), zoneless)
    return Loader(codec.read, codec.read_zoneless)


def _with_state(read: Load) -> Load:
    def load(stored: Mapping[str, Any]) -> Any:
        document = read(stored)
        document._save_state()
        return document

    return load


async def load_all(cursor: Any, loader: Loader, length: int | None = None) -> list[Any]:
    """The instances of what is in a cursor, at most `length`; the cursor is closed when one does not load.

    Raises:
        ValueError: the length is not positive.
    """
    if length is not None and length < 1:
        raise ValueError("to_list() length must be greater than 0")
    loaded: list[Any] = []
    async with aclosing(_chunks(cursor, loader)) as chunks:
        async for stored, load in chunks:
            wanted = stored if length is None else stored[: length - len(loaded)]
            loaded += [load(each) for each in wanted]
            if len(loaded) == length:
                break
    return loaded


async def load_each(cursor: Any, loader: Loader) -> AsyncGenerator[Any, None]:
    """The instances of what is in a cursor, one by one; it is closed at the end, however that comes."""
    async with aclosing(_chunks(cursor, loader)) as chunks:
        async for stored, load in chunks:
            for each in stored:
                yield load(each)


async def _chunks(cursor: Any, loader: Loader) -> AsyncGenerator[tuple[list[Stored], Load], None]:
    try:
        if not isinstance(cursor, BatchCursor):
            while stored := await cursor.to_list(AT_A_TIME):
                yield stored, loader.load
            return
        options, load = _decoding(cursor.collection.codec_options, loader)
        batch: Any
        async for batch in cursor:
            if isinstance(batch, Array):
                for few in documents_in(batch, AT_A_TIME):
                    yield decode_all(few, options), load
            else:  # cut out by PyMongo
                yield decode_all(batch, options), load
    finally:
        await cursor.close()


def _decoding(options: CodecOptions[Any], loader: Loader) -> tuple[CodecOptions[Any], Load]:
    # The driver takes longer to set the zone of one instant than to decode ten fields.
    if loader.load_zoneless is None or not options.tz_aware or options.tzinfo is not None:
        return options, loader.load
    return options.with_options(tz_aware=False), loader.load_zoneless
