"""Over arbitrary graphs: a deletion undone is as if it had never been, and a refused one did nothing."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docstore.errors import ReferenceViolation

REFERENCES = {
    "Writer": {"mentorId": "Writer"},
    "Shelf": {"insideId": "Shelf"},
    "Book": {"writerId": "Writer", "editorId": "Writer", "shelfId": "Shelf", "sequelOfId": "Book"},
    "Chapter": {"bookId": "Book"},
    "Remark": {"chapterId": "Chapter", "bookId": "Book", "replyToId": "Remark", "byId": "Writer"},
}
RULES = {
    ("Writer", "mentorId"): "nothing",
    ("Shelf", "insideId"): "restrict",
    ("Book", "writerId"): "restrict",
    ("Book", "editorId"): "set_null",
    ("Book", "shelfId"): "set_null",
    ("Remark", "byId"): "restrict",
}
"""All others cascade."""

Node = tuple[str, ObjectId]


@dataclass
class Graph:
    """Raw documents by collection and id."""

    documents: dict[Node, dict[str, Any]]

    def closure(self, roots: set[Node]) -> set[Node]:
        """The living documents a deletion of the roots takes, by a plain fixpoint."""
        gone = {root for root in roots if not self.documents[root]["isDeleted"]}
        while True:
            more = {
                node
                for node, document in self.documents.items()
                if node not in gone and not document["isDeleted"]
                for field, target in REFERENCES[node[0]].items()
                if RULES.get((node[0], field)) is None and (target, document.get(field)) in gone
            }
            if not more:
                return gone
            gone |= more

    def is_restricted(self, gone: set[Node]) -> bool:
        """Whether a living document that stays restricts it."""
        return any(
            RULES.get((node[0], field)) == "restrict" and (target, document.get(field)) in gone
            for node, document in self.documents.items()
            if node not in gone and not document["isDeleted"]
            for field, target in REFERENCES[node[0]].items()
        )


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, list[tuple[str, list[ObjectId]]]]:
    """A graph of living and deleted documents without loose ends, and deletions of some of them."""
    ids = {name: [ObjectId() for _ in range(draw(st.integers(1, 5)))] for name in REFERENCES}
    documents: dict[Node, dict[str, Any]] = {}
    for name, own in ids.items():
        for each in own:
            fields: dict[str, Any] = {"_id": each, "title": str(each), "isDeleted": False, "deletedAt": None}
            fields |= {"deletedBy": None, "deletionId": None}
            for field, target in REFERENCES[name].items():
                needed = (name, field) in {("Book", "writerId"), ("Chapter", "bookId")}
                fields[field] = draw(st.sampled_from(ids[target] if needed else [None, None, *ids[target]]))
            documents[name, each] = fields
    deletions = draw(
        st.lists(
            st.sampled_from(sorted(ids)).flatmap(
                lambda name: st.tuples(st.just(name), st.lists(st.sampled_from(ids[name]), min_size=1, unique=True))
            ),
            min_size=1,
            max_size=3,
        )
    )
    return Graph(documents), deletions


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=graphs())
async def test_deletions_undone_are_as_if_they_had_never_been(library: Any, case: Any) -> None:
    graph, deletions = case
    for name in REFERENCES:
        await library.raw[name].delete_many({})
        documents = [document for (of, _), document in graph.documents.items() if of == name]
        await library.raw[name].insert_many(documents)
    states = [await library.content()]
    done: list[tuple[str, ObjectId]] = []
    for name, ids in deletions:
        living = {(name, each) for each in ids if not states[-1][name][each]["isDeleted"]}
        current = Graph({(of, each): d for of in REFERENCES for each, d in states[-1][of].items()})
        gone = current.closure(living)
        collection = getattr(library, name).get_pymongo_collection()
        try:
            result = await collection.delete_many({"_id": {"$in": ids}})
        except ReferenceViolation:
            assert current.is_restricted(gone)
            assert await library.content() == states[-1]
            continue
        assert not current.is_restricted(gone)
        after = await library.content()
        deletion_id = result.report.deletion_id
        taken = {(of, each) for of in REFERENCES for each, d in after[of].items() if d["deletionId"] == deletion_id}
        assert taken == gone
        assert sum(result.report.deleted.values()) == len(gone)
        if gone:
            done.append((name, deletion_id))
            states.append(after)
    for name, deletion_id in reversed(done):
        states.pop()
        await getattr(library, name).deleted.find({"deletionId": deletion_id}).restore()
        assert await library.content() == states[-1]
