"""From the server's answer to instances: the one loop between PyMongo's cursors and codecs.

An answer is taken as the bytes it came in and decoded a few documents at a time, so that each is made an instance
while the processor still has its values at hand, and thousands of dicts never wait in memory for their turn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from bson import decode_all
from bson.codec_options import CodecOptions
from pydantic import ValidationError

from docstore.documents.codec import Codec, codec_of
from docstore.documents.driver_errors import translated
from docstore.documents.guard.batches import Array, BatchCursor, documents_in
from docstore.documents.problems import expect_readable, unreadable

Load = Callable[[Mapping[str, Any]], Any]
Stored = dict[str, Any]

AT_A_TIME: Final = 64
"""Documents decoded at a time."""


@dataclass(frozen=True, slots=True)
class Loader:
    """How a query's answers become instances.

    Args:
        load: makes an instance of a stored document.
        load_fresh: the same, of one decoded just now with no zones set, which nobody else holds; None where that is not
            the same.
    """

    load: Load
    load_fresh: Load | None = None

    def read(self, stored: Mapping[str, Any]) -> Any:
        """The instance of one document.

        Raises:
            UnreadableDocument: it does not fit its class; names it.
        """
        try:
            return self.load(stored)
        except ValidationError as error:
            raise unreadable(error, stored) from error


def loader_of(model: Any) -> Loader | None:
    """The loader of a class's documents as a query gives them; None where Beanie has to find the class."""
    codec = codec_of(model)
    return _loader(codec) if codec.decides_alone else None


@lru_cache(maxsize=1024)
def _loader(codec: Codec) -> Loader:
    if not codec.tracks:
        return Loader(codec.read, codec.read_fresh)
    return Loader(_with_state(codec.read), _with_state(codec.read_fresh) if codec.read_fresh else None)


def _with_state(read: Load) -> Load:
    def load(stored: Mapping[str, Any]) -> Any:
        document = read(stored)
        document._save_state()
        return document

    return load


class Instances:
    """Iterates over the instances of what is in a cursor.

    Args:
        cursor: PyMongo's, over documents or over batches of them.
        loader: makes the instances.
    """

    def __init__(self, cursor: Any, loader: Loader) -> None:
        self._cursor = cursor
        self._load = loader.load
        self._batch: Iterator[list[Stored]] = iter(())
        self._waiting: list[Stored] = []
        if isinstance(cursor, BatchCursor):
            self._options, self._load = _decoding(cursor.collection.codec_options, loader)

    def __aiter__(self) -> "Instances":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        return None  # the copy of a running query has not begun

    async def __anext__(self) -> Any:
        if not self._waiting:
            self._waiting = await self._few()
            self._waiting.reverse()
        if not self._waiting:
            raise StopAsyncIteration
        stored = self._waiting.pop()
        try:
            return self._load(stored)
        except ValidationError as error:
            raise unreadable(error, stored) from error

    async def to_list(self, length: int | None = None) -> list[Any]:
        """All of them, or the first `length`; the cursor is closed."""
        loaded: list[Any] = []
        load = self._load
        try:
            while len(loaded) != length and (stored := await self._few()):
                wanted = stored if length is None else stored[: length - len(loaded)]
                try:
                    loaded += [load(each) for each in wanted]
                except ValidationError:
                    expect_readable(load, wanted)
                    raise
        finally:
            await self.close()
        return loaded

    async def close(self) -> None:
        """Let the server forget the cursor."""
        await self._cursor.close()

    async def _few(self) -> list[Stored]:
        """The next few documents; none at the end."""
        if not isinstance(self._cursor, BatchCursor):
            few: list[Stored] = await self._cursor.to_list(AT_A_TIME)
            return few
        while True:
            decoded = next(self._batch, None)
            if decoded is not None:
                return decoded
            batch: Any = await anext(self._cursor, None)
            if batch is None:
                return []
            self._batch = _decoded(batch, self._options)


async def load_all(cursor: Any, loader: Loader, length: int | None = None) -> list[Any]:
    """The instances of what is in a cursor, at most `length`; the cursor is closed.

    Raises:
        ValueError: the length is not positive.
    """
    if length is not None and length < 1:
        raise ValueError("to_list() length must be greater than 0")
    return await Instances(cursor, loader).to_list(length)


async def load_one(collection: Any, wanted: Mapping[str, Any], loader: Loader, **options: Any) -> Any:
    """The instance of the first document of a guarded collection that matches, or None.

    Args:
        collection: the guarded collection.
        wanted: the filter.
        loader: makes the instance.
        options: PyMongo's, of `find`.
    """
    load = loader.load_fresh
    reading = collection.zoneless if load is not None else collection
    if load is None or reading is collection:
        load = loader.load
    # As find_one() does it; each coroutine on the way to the driver is felt in a call about one document.
    with translated(collection.name, reads=True):
        async for stored in reading.find(wanted, limit=-1, **options):
            try:
                return load(stored)
            except ValidationError as error:
                raise unreadable(error, stored) from error
    return None


def _decoding(options: CodecOptions[Any], loader: Loader) -> tuple[CodecOptions[Any], Load]:
    # The driver takes longer to set the zone of one instant than to decode ten fields.
    if loader.load_fresh is None or not options.tz_aware or options.tzinfo is not None:
        return options, loader.load
    return options.with_options(tz_aware=False), loader.load_fresh


def _decoded(batch: Any, options: CodecOptions[Any]) -> Iterator[list[Stored]]:
    if not isinstance(batch, Array):  # cut out by PyMongo: documents without their numbers
        yield decode_all(batch, options)
        return
    for few in documents_in(batch, AT_A_TIME):
        yield decode_all(few, options)
