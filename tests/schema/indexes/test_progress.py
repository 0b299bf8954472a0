"""What is made of the server's answer to ``$currentOp``: the embedded one builds too quickly to tell."""

from typing import Any

from docstore.schema.indexes.progress import IndexProgress, build_told

AT = IndexProgress("Post", "ix_title", 2, 3, "building")


def operation(**more: Any) -> dict[str, Any]:
    """As MongoDB 8 answers while it builds an index."""
    return {
        "type": "op",
        "desc": "IndexBuildsCoordinatorMongod-3",
        "ns": "docstore.Post",
        "command": {"createIndexes": "Post", "indexes": [{"key": {"title": 1}, "name": "ix_title"}], "$db": "docstore"},
        "msg": "Index Build: scanning collection Index Build: scanning collection: 1234/5000 24%",
        "progress": {"done": 1234, "total": 5000},
        **more,
    }


def test_the_phase_and_the_counts_are_told() -> None:
    told = build_told([operation(command={"createIndexes": "Post"}), operation()], AT)

    assert (told.phase, told.done, told.size) == ("scanning collection", 1234, 5000)
    assert (told.collection, told.number, told.total) == ("Post", 2, 3)


def test_a_build_without_counts_and_others_builds_tell_nothing() -> None:
    waiting = operation()
    del waiting["progress"]
    other = operation(command={"createIndexes": "Post", "indexes": [{"name": "ix_other"}]})

    assert build_told([waiting, other], AT) == AT
