"""A search server for development that answers Algolia's REST API, for the official clients.

Owns: the paths, semantics and error messages those clients rely on: records, partial updates, settings and
replicas, synonyms, rules, copy and move, browse, search with filters, facets, highlighting and ranking.
Does not own: typo tolerance, geo search, personalisation, analytics, A/B tests; nor production: that is
Algolia. Run it as ``python -m docstore.embedded.algolia``.
"""

from docstore.embedded.algolia.access import Access
from docstore.embedded.algolia.call import Limits
from docstore.embedded.algolia.server import LocalAlgolia

__all__ = ["Access", "Limits", "LocalAlgolia"]
