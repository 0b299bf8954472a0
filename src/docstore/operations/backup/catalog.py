"""What a database is made of besides documents: collections, options, indexes; read, written as metadata, made again.

The metadata files are mongodump's: canonical extended JSON with `options`, `indexes`, `uuid`, `collectionName` and
`type`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from bson import json_util
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from docstore.documents import translated
from docstore.errors import BackupError, CorruptBackup, UniqueViolation
from docstore.operations.backup.naming import BUCKETS_PREFIX, is_dumped

Database = AsyncDatabase[dict[str, Any]]
Collection = AsyncCollection[dict[str, Any]]

FAITHFUL: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
"""Options and indexes pass through without a change: binary values stay binary, impossible dates stay numbers."""

_CANONICAL: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
)
_BY_COLLMOD: Final = frozenset({"validator", "validationLevel", "validationAction"})
_DUPLICATE: Final = 11000
_NAMED_DUPLICATES: Final = 3


@dataclass(frozen=True)
class CollectionSpec:
    """A collection, view or time series: its name, its kind as ``listCollections`` says it, options and indexes.

    `indexes` are the documents of ``listIndexes``, the one on ``_id`` included; a view has none.
    """

    name: str
    kind: str = "collection"
    options: Mapping[str, Any] = field(default_factory=dict)
    indexes: Sequence[Mapping[str, Any]] = ()
    uuid: str = ""

    @property
    def is_view(self) -> bool:
        """Whether it has no documents of its own."""
        return self.kind == "view" or "viewOn" in self.options

    @property
    def is_time_series(self) -> bool:
        """Whether its measurements are kept in buckets."""
        return "timeseries" in self.options

    @property
    def is_plain(self) -> bool:
        """Whether a validator is all that its options say, which can be set later as well."""
        return not self.is_view and set(self.options) <= _BY_COLLMOD

    @property
    def is_capped(self) -> bool:
        """Whether it is of limited size; such ones cannot be read at a snapshot."""
        return bool(self.options.get("capped"))

    def to_metadata(self) -> bytes:
        """The text of its metadata file."""
        said: dict[str, Any] = {}
        if self.options:
            said["options"] = dict(self.options)
        said["indexes"] = [dict(each) for each in self.indexes]
        if self.uuid:
            said["uuid"] = self.uuid
        said |= {"collectionName": self.name, "type": self.kind}
        return json_util.dumps(said, json_options=_CANONICAL, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_metadata(cls, text: bytes, *, file: str, name: str | None = None) -> CollectionSpec:
        """Read the text of a metadata file; `name` is what the file's name says, for those of old tools.

        Raises:
            CorruptBackup: it is no such text.
        """
        try:
            said = json_util.loads(text, json_options=_CANONICAL) if text.strip() else {}
            named = said.get("collectionName") or name
            if not named:
                raise KeyError("collectionName")
            options = said.get("options") or {}
            kind = said.get("type") or ("view" if "viewOn" in options else "collection")
            indexes = tuple(said.get("indexes") or ())
            if not all(isinstance(each.get("key"), dict) and each.get("name") for each in indexes):
                raise KeyError("indexes")
            return cls(str(named), str(kind), options, indexes, str(said.get("uuid") or ""))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptBackup(
                f"{file} is damaged: it is no metadata of a collection ({type(error).__name__}).", file=file, offset=0
            ) from error


async def read_catalog(database: Database) -> list[CollectionSpec]:
    """The collections and views of a database that belong into a dump, by name.

    Raises:
        ServerUnavailable: the database does not answer.
    """
    faithful = database.with_options(codec_options=FAITHFUL)
    with translated(database.name):
        found = await (await faithful.list_collections()).to_list()
        specs = []
        for each in sorted(found, key=lambda entry: str(entry["name"])):
            if is_dumped(each["name"]):
                view = each.get("type") == "view"
                indexes = () if view else await (await faithful[each["name"]].list_indexes()).to_list()
                specs.append(_spec(each, indexes))
    return specs


async def read_options(database: Database, name: str) -> dict[str, Any]:
    """The options of a collection; none when it does not exist."""
    with translated(name):
        cursor = await database.with_options(codec_options=FAITHFUL).list_collections(filter={"name": name})
        return {key: value for each in await cursor.to_list() for key, value in (each.get("options") or {}).items()}


async def bucket_collections(database: Database) -> frozenset[str]:
    """The time series whose buckets can be read as they are stored."""
    with translated(database.name):
        names = await database.list_collection_names(filter={"name": {"$regex": r"^system\.buckets\."}})
    return frozenset(name.removeprefix(BUCKETS_PREFIX) for name in names if name.startswith(BUCKETS_PREFIX))


async def create_empty(database: Database, name: str, spec: CollectionSpec) -> None:
    """Make the collection or view `spec` under a name, without its indexes.

    Raises:
        BackupError: the server refuses; says which option it is about where that is known.
    """
    options = {key: value for key, value in spec.options.items() if key != "autoIndexId"}
    on_id = next((dict(each) for each in spec.indexes if _is_on_id(each)), None)
    if on_id is not None and "collation" in on_id and "clusteredIndex" not in options:
        on_id.pop("ns", None)
        options["idIndex"] = on_id
    try:
        with translated(name):
            await database.with_options(codec_options=FAITHFUL).command({"create": name, **options})
    except OperationFailure as error:
        told = ", ".join(sorted(options)) or "no options"
        raise BackupError(
            f"the server refused to create {spec.name} ({told}) with error code {error.code}.",
            hint="Its version may not know an option of the one the backup was made on.",
        ) from error


async def set_validator(database: Database, name: str, spec: CollectionSpec) -> None:
    """Give a collection, which has none, the validator of `spec`."""
    said = {key: value for key, value in spec.options.items() if key in _BY_COLLMOD}
    with translated(name):
        await database.with_options(codec_options=FAITHFUL).command({"collMod": name, **said})


async def build_indexes(database: Database, name: str, spec: CollectionSpec) -> int:
    """Build the indexes of `spec` on a collection, in one pass over its documents; how many there are.

    Raises:
        UniqueViolation: documents share what an index wants unique; names index and documents.
        BackupError: the server refuses an index.
    """
    wanted = [_buildable(each) for each in spec.indexes if not _is_on_id(each)]
    if not wanted:
        return 0
    try:
        await database.with_options(codec_options=FAITHFUL).command({"createIndexes": name, "indexes": wanted})
    except OperationFailure as error:
        if error.code == _DUPLICATE:
            raise await _shared_values(database[name], spec.name, wanted) from error
        with translated(name):
            raise BackupError(
                f"the server refused the indexes of {spec.name} with error code {error.code}.",
                hint="Restore with --no-indexes, and build them with `docstore indexes sync`.",
            ) from error
    return len(wanted)


def _spec(found: Mapping[str, Any], indexes: Sequence[Mapping[str, Any]]) -> CollectionSpec:
    return CollectionSpec(
        name=found["name"],
        kind=found.get("type", "collection"),
        options=dict(found.get("options") or {}),
        indexes=tuple(dict(each) for each in indexes),
        uuid=_hex((found.get("info") or {}).get("uuid")),
    )


def _hex(value: Any) -> str:
    if isinstance(value, UUID):
        return value.hex
    return bytes(value).hex() if isinstance(value, Binary) else ""


def _is_on_id(index: Mapping[str, Any]) -> bool:
    return list(index["key"]) == ["_id"]


def _buildable(index: Mapping[str, Any]) -> dict[str, Any]:
    # The version is the server's to choose, and the namespace was that of another collection.
    return {key: value for key, value in index.items() if key not in ("v", "ns", "background")}


async def _shared_values(collection: Collection, told: str, indexes: Sequence[Mapping[str, Any]]) -> UniqueViolation:
    for index in indexes:
        if index.get("unique") and (ids := await _sharing(collection, index)):
            fields = " and ".join(index["key"])
            return UniqueViolation(
                f"index {index['name']} of {told} wants {fields} unique, but documents share it: {ids}.",
                hint="The backup was not made at one moment. Restore with --no-indexes, and mend the documents.",
                collection=told,
                field=fields,
            )
    return UniqueViolation(
        f"a unique index of {told} cannot be built: documents share a value.",
        hint="Restore with --no-indexes, and mend the documents.",
        collection=told,
    )


async def _sharing(collection: Collection, index: Mapping[str, Any]) -> str:
    keys = {f"k{at}": f"${name}" for at, name in enumerate(index["key"])}
    counted: dict[str, Any] = dict(index.get("partialFilterExpression") or {})
    if index.get("sparse"):
        counted = {"$and": [counted, {"$or": [{name: {"$exists": True}} for name in index["key"]]}]}
    stages: list[dict[str, Any]] = [
        {"$match": counted},
        {"$group": {"_id": keys, "ids": {"$push": "$_id"}, "count": {"$sum": 1}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$limit": _NAMED_DUPLICATES},
    ]
    with translated(collection.name):
        groups = await (await collection.aggregate(stages, allowDiskUse=True)).to_list()
    return "; ".join(", ".join(str(each) for each in group["ids"][:_NAMED_DUPLICATES]) for group in groups)
