"""Pages of a query: keyset pages that stay in place while documents come and go, and numbered pages with a total.

Owns the order a page is cut by, the cursors that mark a place in it and the filter that continues from there. Does not
own the query itself (`queries.py`), nor what is fetched along with a page (`include/`).
"""

from docstore.documents.pages.fetching import fetch_numbered_page, fetch_page
from docstore.documents.pages.page import DEFAULT_LIMIT, NumberedPage, Page

__all__ = ["DEFAULT_LIMIT", "NumberedPage", "Page", "fetch_numbered_page", "fetch_page"]
