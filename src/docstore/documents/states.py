"""State machines of documents: which step leads where, and a refusal that names the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from docstore.errors import InvalidTransition


@dataclass(frozen=True)
class StateMachine:
    """The allowed steps of a field.

    Args:
        field: the attribute that holds the state.
        steps: for every state the states it may go to.
    """

    field: str
    steps: Mapping[StrEnum, frozenset[StrEnum]]

    def sources(self, target: StrEnum) -> tuple[StrEnum, ...]:
        """The states from which `target` can be reached in one step."""
        return tuple(state for state, targets in self.steps.items() if target in targets)

    def check(self, collection: str, current: str, target: StrEnum) -> None:
        """Refuse a step that is not allowed.

        Args:
            collection: for the message.
            current: the present state, or what an older service stored in its place.
            target: the asked state.

        Raises:
            InvalidTransition: names the current state, the asked one and the allowed ones.
        """
        allowed = next((targets for state, targets in self.steps.items() if state == current), frozenset[StrEnum]())
        if target in allowed:
            return
        ways = ", ".join(sorted(allowed)) or "nothing: it is a final state"
        raise InvalidTransition(
            f"{collection}.{self.field} cannot go from {current} to {target}.",
            hint=f"From {current} it can go to {ways}.",
            collection=collection,
            field=self.field,
        )
