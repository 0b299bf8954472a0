"""By what a collection would be spread over a cluster, as declared on models. The commands are `schema/`'s business."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Zone:
    """A part of the key's range that is to lie on the shards of a zone.

    Args:
        name: the zone's, such as ``eu``.
        low, high: values of the key's leading attributes; the upper end is exclusive. Shorter than the key, the rest is
            everything.
        shards: the cluster's shards to be put into the zone; none when an operator does so.
    """

    name: str
    low: tuple[Any, ...]
    high: tuple[Any, ...]
    shards: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShardKey:
    """The attributes whose values decide on which shard a document lies.

    Args:
        attributes: in order; ``id`` is the document's.
        reason: why it needs sharding, and why by this.
        hashed: the first attribute is hashed: spreads ever-growing values evenly, and targets equality alone.
        zones: see `Zone`; not with a hashed first attribute.
    """

    attributes: tuple[str, ...]
    reason: str
    hashed: bool = False
    zones: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        if not self.attributes:
            raise ValueError("a shard key has one attribute or more")
        if self.hashed and self.zones:
            raise ValueError("the values of a hashed attribute have no range that a zone could take")


def shard_key(*attributes: str, reason: str, hashed: bool = False, zones: Sequence[Zone] = ()) -> ShardKey:
    """Declare a shard key: ``shard_key: ClassVar = shard_key("account_id", "id", reason="reviews grow for ever")``."""
    return ShardKey(attributes, reason, hashed, tuple(zones))
