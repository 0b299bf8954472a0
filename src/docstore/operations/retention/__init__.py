"""Retention: removing for good what its model's rule says has been kept long enough.

Owns which documents these are and removing them in batches. Does not own the rules (they stand on the models, in
`documents/`), what a purge means for references (`documents/integrity`), nor the audit log's own pruning.
"""

from docstore.operations.retention.rules import Rule, rules_of
from docstore.operations.retention.running import RetentionProgress, RetentionReport, RetentionRow, run_retention

__all__ = ["RetentionProgress", "RetentionReport", "RetentionRow", "Rule", "rules_of", "run_retention"]
