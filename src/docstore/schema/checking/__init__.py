"""Checking: which existing documents the models' validators would refuse, by rule and count.

Owns judging documents on the client as the server would, and scanning collections for them. Does not own the rules;
those are the validators'.
"""

from docstore.schema.checking.report import BrokenRule, CheckProgress, CheckReport, CollectionCheck
from docstore.schema.checking.scanning import check_documents

__all__ = ["BrokenRule", "CheckProgress", "CheckReport", "CollectionCheck", "check_documents"]
