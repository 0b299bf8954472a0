"""What the guard does for each collection of a bound database."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from docstore.documents.changes import Change
from docstore.documents.guard.predicate import Scope
from docstore.documents.guard.references import ReferenceKeeper
from docstore.documents.guard.versions import count_up

Hook = Callable[[Change], Awaitable[None]]
"""Called with every write to a collection, inside its transaction; raising aborts the write."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How one collection is guarded.

    Args:
        soft_delete: deletes mark instead of removing, and marked documents are out of sight.
        hooks: what follows from a write, in order.
        images: whether a hook needs the documents as they were and as they became.
        last_images: whether a hook needs documents as they were when they are removed for good.
        owners: stored fields that name what a document is a part of; a hook needs those as they were that an update
            gives another one.
        counters: stored fields whose change alone is nobody's business.
        versioned: whether every write counts the stored `version` up.
        reactions: hooks that write in their turn; called after all others, so that what caused them is told first.
        keeper: keeps references whole; None where no document here refers or is referred to.
    """

    soft_delete: bool = True
    hooks: tuple[Hook, ...] = ()
    images: bool = False
    last_images: bool = False
    owners: frozenset[str] = frozenset()
    counters: frozenset[str] = frozenset()
    versioned: bool = False
    reactions: tuple[Hook, ...] = ()
    keeper: ReferenceKeeper | None = None

    @property
    def observed(self) -> bool:
        """Whether anything follows from a write."""
        return bool(self.hooks or self.reactions)

    def with_rules_of(self, other: "Policy") -> "Policy":
        """What holds when both policies do."""
        return Policy(
            soft_delete=self.soft_delete or other.soft_delete,
            hooks=(*self.hooks, *(hook for hook in other.hooks if hook not in self.hooks)),
            images=self.images or other.images,
            last_images=self.last_images or other.last_images,
            owners=self.owners | other.owners,
            counters=self.counters & other.counters,
            versioned=self.versioned or other.versioned,
            reactions=(*self.reactions, *(hook for hook in other.reactions if hook not in self.reactions)),
            keeper=self.keeper or other.keeper,
        )

    def counted(self, update: Any, collection: str) -> Any:
        """The update as it will run: where documents are versioned, it counts the version up."""
        return count_up(update, collection) if self.versioned else update

    def is_news(self, update: Any) -> bool:
        """Whether hooks are to be called for an update: not when it moves counters alone."""
        if not self.observed:
            return False
        if not self.counters or not isinstance(update, Mapping):
            return True
        touched = {str(name).partition(".")[0] for fields in update.values() for name in fields}
        return not touched <= self.counters | {"updatedAt"}


DEFAULT_POLICY = Policy()
"""For collections no model was bound to: someone may have deleted softly there, so the marks are honoured."""


@dataclass
class GuardRegistry:
    """The policies of a database's collections, by collection name.

    Args:
        database: the database's name.
        models: the bound models by class name: what references and relations name each other by.
        cursor_key: signs the cursors of pages; None where nobody gave one.
        references: the references among the bound models, for those who know them.
        strict_filters: whether plain filters given to documents' query methods are judged.
    """

    database: str
    models: Mapping[str, type[Any]] = field(default_factory=dict)
    cursor_key: bytes | None = field(default=None, repr=False)
    references: object = field(default=None, repr=False)
    strict_filters: bool = True
    _policies: dict[str, Policy] = field(default_factory=dict, repr=False)

    def register(self, name: str, policy: Policy) -> None:
        """Set the policy of a collection; of several models on one collection the strictest rule holds."""
        known = self._policies.get(name)
        self._policies[name] = policy if known is None else known.with_rules_of(policy)

    def policy(self, name: str) -> Policy:
        """The policy of a collection, the guarded default for unknown ones."""
        return self._policies.get(name, DEFAULT_POLICY)

    def keep(self, name: str, keeper: ReferenceKeeper) -> None:
        """Have the references from and to a collection kept whole."""
        self._policies[name] = replace(self.policy(name), keeper=keeper)

    def is_bound(self, name: str) -> bool:
        """Whether a model is bound to the collection."""
        return name in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def living_scope(self, name: str) -> Scope:
        """The scope in which a joined collection is seen."""
        return Scope.LIVING if self.policy(name).soft_delete else Scope.ALL
