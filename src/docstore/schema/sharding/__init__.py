"""Sharding on paper: the commands for a cluster, which shards each query would ask, and what does not fit.

Owns the plan alone; nothing here talks to a server. Keys are declared on models (`documents/shard_keys.py`).
"""

from docstore.schema.sharding.commands import shard_commands
from docstore.schema.sharding.plan import Asked, CollectionPlan, ShardPlan, Target, Targeting, shard_plan

__all__ = [
    "Asked",
    "CollectionPlan",
    "ShardPlan",
    "Target",
    "Targeting",
    "shard_commands",
    "shard_plan",
]
