"""Which documents are read before an update, since it may take them from what they are a part of."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from docstore.documents.guard.owners import may_move
from docstore.documents.guard.updates import replacement_pipeline

OWNERS = frozenset({"postId"})
ONE = ObjectId()
OTHERS = {"$or": [{"postId": {"$ne": ONE}}]}
ALL: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("update", "read"),
    [
        ({"$set": {"tagId": ONE}, "$inc": {"n": 1}}, None),
        ({"$setOnInsert": {"postId": ONE}}, None),
        ({"$set": {"postIds": ONE}}, None),
        ([{"$set": {"tagId": "$postId"}}, {"$unset": "legacy"}], None),
        ({"$set": {"postId": ONE, "tagId": ONE}}, OTHERS),
        (replacement_pipeline({"postId": ONE}, "TagOnPost"), OTHERS),
        ({"$unset": {"postId": ""}}, {"$or": [{"postId": {"$ne": None}}]}),
        (replacement_pipeline({"tagId": ONE}, "TagOnPost"), {"$or": [{"postId": {"$ne": None}}]}),
        ({"$rename": {"postId": "old"}}, ALL),
        ({"$rename": {"old": "postId"}}, ALL),
        ({"$set": {"postId.x": 1}}, ALL),
        ({"$set": {"postId": {"$oid": "x"}}}, ALL),
        ({"$min": {"postId": ONE}}, ALL),
        ([{"$addFields": {"postId": "$tagId"}}], ALL),
        ([{"$unset": ["postId", "x"]}], ALL),
        ([{"$replaceWith": {"postId": ONE}}], ALL),
    ],
)
def test_what_is_read(update: Any, read: Any) -> None:
    assert may_move(OWNERS, update) == read
    assert may_move(frozenset(), update) is None
