"""Triggers: what happens by itself when a document changes, by whatever route, before the change is committed.

A trigger is declared once, on its model, with the reason the business has for it. It runs in the transaction of the
write that caused it: bulk writes, update operators and what a deletion clears included. If it fails, the write is
taken back.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from beanie.odm.utils.encoder import Encoder
from pymongo.asynchronous.client_session import AsyncClientSession

from docstore.documents.changes import Change, ChangeKind, Image
from docstore.documents.fields import utc_now
from docstore.documents.guard.policy import Hook
from docstore.documents.guard.predicate import MARKS
from docstore.documents.guard.targets import Target
from docstore.documents.lifecycle import assign
from docstore.documents.lifecycle.ids import stored_id
from docstore.errors import NotFound, RefusedOperation, SettingsError

if TYPE_CHECKING:
    from docstore.documents.base import StoredDocument

DEPTH: Final = 8
"""How far triggers may set each other off."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One document's step from what it was to what it became.

    Args:
        model: its model.
        id: its id.
        before: as it was stored; None when it was inserted.
        after: as it is stored now; None when it was removed for good.
    """

    model: type["StoredDocument"]
    id: Any
    before: Image | None
    after: Image | None

    def was(self, attribute: str) -> Any:
        """The stored value an attribute had; None when there was none."""
        return (self.before or {}).get(self.model.stored_name(attribute))

    def now(self, attribute: str) -> Any:
        """The stored value an attribute has; None when there is none."""
        return (self.after or {}).get(self.model.stored_name(attribute))


Condition = Callable[[Transition], bool]
Action = Callable[[type[Any], Sequence[Transition]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A rule that follows from a change of a document.

    Args:
        name: under which it is found and reported; unique.
        collection: the model whose documents it watches.
        condition: asked for every document a write touched.
        action: called once for each batch, with the documents for which the condition holds.
        description: what it does.
        reason: why the business wants it.
        events: the kinds of change it watches.
    """

    name: str
    collection: str
    condition: Condition
    action: Action
    description: str
    reason: str
    events: frozenset[ChangeKind] = frozenset({ChangeKind.UPDATE})


def became_null(attribute: str) -> Condition:
    """The condition that an attribute goes from set to null."""
    return lambda transition: transition.was(attribute) is not None and transition.now(attribute) is None


def assign_fields(**values: Any) -> Action:
    """The action that sets attributes, in one write for all the documents.

    Raises:
        ValueError: an attribute is a mark of deletion.
    """

    async def act(model: type["StoredDocument"], transitions: Sequence[Transition]) -> None:
        fields = {model.stored_name(attribute): value for attribute, value in values.items()}
        if not MARKS.isdisjoint(fields):
            raise ValueError(f"a trigger cannot set {', '.join(sorted(MARKS & fields.keys()))}: use delete().")
        wanted = {"_id": {"$in": [each.id for each in transitions]}}
        update = {"$set": {**Encoder(to_db=True).encode(fields), "updatedAt": utc_now()}}
        # Documents in the trash too: what comes back from there must not have missed the rule.
        await model.get_pymongo_collection().writer.update(Target(wanted, wanted), update, None, {}, many=True)

    return act


# The registry: what the models declare


def get_trigger(name: str) -> Trigger:
    """The trigger of this name, among those of all imported models.

    Raises:
        NotFound: there is none; names those there are.
    """
    found = {trigger.name: trigger for trigger in _declared()}
    if name not in found:
        raise NotFound(f"there is no trigger {name!r}.", hint=f"There are: {', '.join(sorted(found)) or 'none'}.")
    return found[name]


def triggers_for(collection: str | type[Any]) -> tuple[Trigger, ...]:
    """The triggers of a collection, by its name or its model, in the order they run."""
    name = collection if isinstance(collection, str) else collection.__name__
    return tuple(trigger for trigger in _declared() if trigger.collection == name)


def trigger_names() -> tuple[str, ...]:
    """The names of all triggers, sorted."""
    return tuple(sorted({trigger.name for trigger in _declared()}))


def _declared() -> Iterator[Trigger]:
    from docstore.documents.base import StoredDocument

    waiting: list[type[StoredDocument]] = [StoredDocument]
    seen: set[int] = set()
    while waiting:
        model = waiting.pop(0)
        waiting += model.__subclasses__()
        for trigger in model.triggers:
            if id(trigger) not in seen:
                seen.add(id(trigger))
                yield trigger


def check_triggers(models: Iterable[type[Any]]) -> None:
    """Hold the triggers of models that are to be bound against each other.

    Raises:
        SettingsError: two have the same name, or one is declared on another model than it names.
    """
    known: dict[str, Trigger] = {}
    for model in models:
        for trigger in getattr(model, "triggers", ()):
            if known.setdefault(trigger.name, trigger) is not trigger:
                raise SettingsError(f"two triggers are named {trigger.name!r}.", hint="Rename one of them.")
            if trigger.collection not in {each.__name__ for each in model.__mro__}:
                raise SettingsError(
                    f"the trigger {trigger.name!r} of {trigger.collection} is declared on {model.__name__}.",
                    hint="Move it to the model whose documents it watches.",
                )


# How they run

_depth: ContextVar[int] = ContextVar("docstore_trigger_depth", default=0)
_fired: ContextVar[set[Any] | None] = ContextVar("docstore_triggers_fired", default=None)


def trigger_hook(model: type["StoredDocument"]) -> Hook:
    """The hook that runs a model's triggers."""

    async def react(change: Change) -> None:
        for trigger in model.triggers:
            if change.kind in trigger.events:
                transitions = (
                    Transition(model, each, change.before.get(each), change.after.get(each)) for each in change.ids
                )
                concerned = [each for each in transitions if trigger.condition(each)]
                if concerned:
                    await _run(trigger, model, concerned)

    return react


async def _run(trigger: Trigger, model: type["StoredDocument"], concerned: Sequence[Transition]) -> None:
    if _depth.get() >= DEPTH:
        raise RefusedOperation(
            f"the trigger {trigger.name!r} was set off by triggers {DEPTH} times over.",
            hint="Let its condition look at what its own action changes.",
            collection=trigger.collection,
        )
    fired = _fired.get()
    if fired is not None:
        fired.update(each.id for each in concerned)
    token = _depth.set(_depth.get() + 1)
    try:
        await trigger.action(model, concerned)
    finally:
        _depth.reset(token)


def following_triggers(
    document: "StoredDocument", session: AsyncClientSession | None = None
) -> AbstractAsyncContextManager[None]:
    """Around a write of a document: what triggers changed in it shows in memory, and is not written back later."""
    return _following(document, session) if type(document).triggers else _NOTHING_FOLLOWS


class _NothingFollows(AbstractAsyncContextManager[None]):
    """For models without triggers, whose writes are not to pay for those with."""

    async def __aexit__(self, *error: object) -> None:
        return None


_NOTHING_FOLLOWS: Final = _NothingFollows()


@asynccontextmanager
async def _following(document: "StoredDocument", session: AsyncClientSession | None) -> AsyncIterator[None]:
    model = type(document)
    fired: set[Any] = set()
    token = _fired.set(fired)
    try:
        yield
    finally:
        _fired.reset(token)
    if document.id in fired:
        stored = await model.get_pymongo_collection().find_one({"_id": stored_id(document)}, session=session)
        if stored is not None:
            fresh = model.model_validate(stored)
            assign(document, {name: getattr(fresh, name) for name in model.model_fields})
