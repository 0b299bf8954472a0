"""From the database's answer to instances: the one loop between PyMongo's cursors and codecs."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from docstore.documents.codec import codec_of

Load = Callable[[Mapping[str, Any]], Any]

CHUNK: Final = 1000
"""Documents turned into instances at a time: what was read is let go before the next are read."""


def loader_of(model: Any) -> Load | None:
    """A function from a stored document to an instance as a query gives it; None where Beanie has to find the class."""
    codec = codec_of(model)
    if not codec.decides_alone:
        return None
    settings = getattr(model, "_document_settings", None)
    if not getattr(settings, "use_state_management", False):
        return codec.read
    read = codec.read

    def load(stored: Mapping[str, Any]) -> Any:
        document = read(stored)
        document._save_state()
        return document

    return load


async def load_all(cursor: Any, load: Load, length: int | None = None) -> list[Any]:
    """The instances of what is left in a cursor, at most `length`; the cursor is closed when one does not load."""
    loaded: list[Any] = []
    try:
        while True:
            wanted = CHUNK if length is None else min(CHUNK, length - len(loaded))
            stored = await cursor.to_list(wanted)
            loaded += [load(each) for each in stored]
            if len(stored) < wanted or len(loaded) == length:
                return loaded
    except BaseException:
        await cursor.close()
        raise


async def load_stream(cursor: Any, load: Load, batch: int) -> AsyncIterator[Any]:
    """The instances of what is left in a cursor, one by one; it is closed at the end, however that comes."""
    try:
        while stored := await cursor.to_list(batch):
            stored.reverse()
            while stored:
                yield load(stored.pop())
    finally:
        await cursor.close()
