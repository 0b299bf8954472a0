"""The declared indexes are the ones that pages of the models read in order."""

from typing import Any

from docstore.documents import declared_indexes
from docstore.documents.pages.order import total_order
from docstore.models import ALL, ContentType, Post


async def test_published_posts_have_an_index_of_the_pages_order(bind_models: Any) -> None:
    await bind_models(*ALL)
    keys = [list(each.to_index_model(Post).document["key"].items()) for each in declared_indexes(Post)]
    for query in (Post.published(), Post.published(ContentType.BLOG)):
        equalities = [(name, 1) for name in query.get_filter_query()]
        order = total_order(query.sort_expressions, "Post")
        assert [*equalities, *((key.field, 1 if key.ascending else -1) for key in order)] in keys
