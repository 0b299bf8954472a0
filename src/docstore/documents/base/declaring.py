"""What a model declares about its documents, the gate it reaches its collection by, and the names of its fields."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast, get_args

from beanie import Document as BeanieDocument
from beanie.odm.settings.document import DocumentSettings
from bson import ObjectId
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from docstore.documents._metaclass import DocumentMeta
from docstore.documents.changes import Change, DocumentChanged
from docstore.documents.codec import LATE, codec_of, filled
from docstore.documents.events import Event
from docstore.documents.field_kinds import expect_storable_fields
from docstore.documents.fields import UtcDateTime, is_stored
from docstore.documents.guard.collection import GuardedCollection
from docstore.documents.hydration import looks_stored
from docstore.documents.include.relations import RelatedView
from docstore.documents.indexes import Index
from docstore.documents.known_to_others import UnboundModel
from docstore.documents.lazy import lazily
from docstore.documents.links import keep_declared_names
from docstore.documents.parts import changed_wholes
from docstore.documents.queries import FindManyDocuments, FindOneDocument
from docstore.documents.read_through import CachedDoor
from docstore.documents.retention import Retention
from docstore.documents.shard_keys import ShardKey
from docstore.documents.states import StateMachine
from docstore.documents.triggers import Trigger
from docstore.errors import NotBound, ValidationFailed

_OWN_ATTRIBUTES: Final = frozenset(
    {"id", "created_at", "updated_at", "deleted_at", "is_deleted", "deleted_by", "deletion_id"}
)


def storage_name(attribute: str) -> str:
    """The stored field name of an attribute: camelCase, but for what MongoDB and Beanie name themselves."""
    if attribute == "id":
        return "_id"
    return attribute if attribute == "revision_id" else to_camel(attribute)


def as_declared(attribute: str) -> str:
    """As `storage_name`, but a model's own fields are stored under the names they are declared with, as in Beanie."""
    return storage_name(attribute) if attribute in _OWN_ATTRIBUTES else attribute


def _not_bound(model: type) -> NotBound:
    return UnboundModel(
        f"{model.__name__} is not bound to a database.",
        hint="Open a Store first: async with Store.from_env(models=(*ALL, Mine)) as store: ...",
        collection=model.__name__,
    )


def _id_in_words(annotation: Any) -> str:
    kinds = [each for each in get_args(annotation) or (annotation,) if isinstance(each, type) and each is not NoneType]
    if any(issubclass(each, ObjectId) for each in kinds) or not kinds:
        return "an ObjectId, or its 24 hexadecimal digits"
    return " or ".join(f"a {each.__name__}" for each in kinds)


@lru_cache(maxsize=64)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


class DeclaredDocument(BeanieDocument, metaclass=DocumentMeta):
    """What every document has: the gate, the stamps, camelCase storage, tolerance for what older services wrote.

    Use `Document`. This class is the common part of it and `SystemDocument`.
    """

    model_config = ConfigDict(
        alias_generator=storage_name,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    created_at: UtcDateTime | None = None
    updated_at: UtcDateTime | None = None

    soft_delete: ClassVar[bool] = True
    indexes: ClassVar[Sequence[Index]] = ()
    """The indexes the model's queries need, beside those of its references."""
    states: ClassVar[StateMachine | None] = None
    """The state machine `move_to` follows."""
    announces: ClassVar[bool] = False
    """Whether every write, by any route, produces `change_events` in its own transaction."""
    counters: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose change alone is not announced: a view counted is no news to search and caches."""
    part_of: ClassVar[frozenset[str]] = frozenset()
    """References to documents of which this is a part: they are announced as changed when it is removed for good, or
    comes to belong to another."""
    check_references: ClassVar[bool] = True
    """Whether what a document refers to has to be there when the reference is written."""
    triggers: ClassVar[Sequence[Trigger]] = ()
    """What happens by itself when a document changes, by any route."""
    sensitive: ClassVar[frozenset[str]] = frozenset()
    """Attributes whose values never show in logs and audit entries."""
    versioned: ClassVar[bool] = False
    """Whether a stored `version` counts every write, and a stale copy is not written over a newer one."""
    if TYPE_CHECKING:
        version: int = 0
        """Of versioned models alone: how often the document was written since it was inserted."""
    audited: ClassVar[bool] = False
    """Whether every change, by any route, leaves an audit entry in its own transaction."""

    cached: ClassVar[CachedDoor] = CachedDoor()
    """Documents by id, through the Store's cache: ``await Post.cached.get(post_id)``."""

    retention: ClassVar[Retention | None] = None
    """How long deleted and finished documents are kept (`docstore retention`); None for ever."""
    shard_key: ClassVar[ShardKey | None] = None
    """By what the collection would be spread over the shards of a cluster (`docstore shard plan`)."""

    page_limit: ClassVar[int] = 1000
    """The most documents that one page may hold."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        keep_declared_names(cls)
        expect_storable_fields(cls)

    # Loaded relations, beside the fields and created with the first of them (`include/relations.py`).
    __slots__ = ("_related",)

    class Settings:
        """Beanie's settings. No projection: a list of known fields would leave the old spellings behind."""

        projection = None

    _find_many_query_class: ClassVar[type] = FindManyDocuments
    _find_one_query_class: ClassVar[type] = FindOneDocument

    hydrates: ClassVar[bool] = True
    """Documents from the database are read leniently (see `hydration.py`)."""

    if not TYPE_CHECKING:  # for type checkers pydantic writes a constructor of each model's fields
        # Beanie's own looks the collection up for each object; ours is asked when it is used.
        __init__ = BaseModel.__init__
        # LazyModel looks at every access to an attribute; only lazily parsed documents need it (see `lazy.py`).
        __getattribute__ = object.__getattribute__

        def __getattr__(self, name: str) -> Any:
            # What a reader left to be made when it is asked for (see `codec/late.py`).
            return filled(self, name) if name in LATE else super().__getattr__(name)

    @model_validator(mode="after")
    def _apply_rules(self, info: ValidationInfo) -> Self:
        if not is_stored(info):
            self.check_rules()
        return self

    def check_rules(self) -> None:
        """Override to hold fields against each other; called on construction and before writes.

        Raises:
            ValueError: says which fields do not fit, and the way out.
        """

    @classmethod
    async def change_events(cls, change: Change) -> Sequence[Event]:
        """What follows from a write to this collection; called inside its transaction for announcing models."""
        own = [
            DocumentChanged(aggregate_id=each, changed_collection=change.collection, kind=change.kind)
            for each in change.ids
        ]
        return [*own, *changed_wholes(cls, change)] if cls.part_of and change.before else own

    @property
    def related(self) -> RelatedView:
        """The loaded relations by name, also those no attribute was declared for: ``post.related.ideas``."""
        return RelatedView(self)

    # Names and handles

    @classmethod
    def get_pymongo_collection(cls) -> GuardedCollection:
        """The guarded collection. The raw one is `get_mongo_client()`'s, for operations.

        Raises:
            NotBound: no Store has bound the model.
        """
        collection = cls.get_settings().pymongo_collection
        if not isinstance(collection, GuardedCollection):
            raise _not_bound(cls)
        return collection

    @classmethod
    def get_settings(cls) -> DocumentSettings:
        """Beanie's settings of this very class, not of a parent that is bound.

        Raises:
            NotBound: no Store has bound the model.
        """
        settings: DocumentSettings | None = vars(cls).get("_document_settings")
        if settings is None:
            raise _not_bound(cls)
        return settings

    @classmethod
    def stored_name(cls, attribute: str) -> str:
        """The stored field of an attribute."""
        return cls.__pydantic_fields__[attribute].alias or attribute

    @classmethod
    def parse_id(cls, value: Any) -> Any:
        """`value` as an id of this model.

        Raises:
            ValidationFailed: it is none.
        """
        wanted = cls.model_fields["id"].annotation
        try:
            return _adapter(wanted).validate_python(value)
        except ValidationError as error:
            raise ValidationFailed(
                f"a value of type {type(value).__name__} does not fit the id of a {cls.__name__}.",
                hint=f"What fits is {_id_in_words(wanted)}.",
                collection=cls.__name__,
                field="id",
                value_type=type(value).__name__,
            ) from error

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As pydantic's; a document as MongoDB delivers it is taken leniently (see `hydration.py`)."""
        if not options and looks_stored(obj):
            read: Self = codec_of(cls).read(obj)
            return read
        validated: Self = super().model_validate(obj, **options)
        return validated

    @classmethod
    def lazy_parse(cls, data: Mapping[str, Any], fields: set[str] | None = None) -> Self:
        """A document whose fields are parsed when they are first read; those in `fields` (stored names) are now."""
        return cast("Self", lazily(cls, data, fields))
