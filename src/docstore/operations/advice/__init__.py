"""Advice on indexes and queries: what is missing, unused, redundant or worth little, and which queries cost too much.

Owns the judging, from the query log, the server's own counts and plans, and the models' declarations; and proving an
advice on a copy. Does not own the log (`operations/querylog`), nor building indexes (`schema/`).
"""

from docstore.operations.advice.advising import AdviceProgress, advise
from docstore.operations.advice.findings import Advice, AdviceReport, Evidence, Kind, Proof
from docstore.operations.advice.proving import drop_leftovers, prove

__all__ = [
    "Advice",
    "AdviceProgress",
    "AdviceReport",
    "Evidence",
    "Kind",
    "Proof",
    "advise",
    "drop_leftovers",
    "prove",
]
