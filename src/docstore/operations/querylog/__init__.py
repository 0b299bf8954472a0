"""The query log: which queries ran, by shape, how long they took and how the server answered them.

Owns shapes, the explaining of them, and writing them into QueryLog off the hot path. Does not own the listening
(`clients/command_events.py`), nor what is concluded from the log (`operations/advice`).
"""

from docstore.operations.querylog.plans import Plan, explain, explainable, read_plan
from docstore.operations.querylog.recording import QueryLogCounts, QueryRecorder
from docstore.operations.querylog.shapes import LOGGED, Shape, shape_of

__all__ = [
    "LOGGED",
    "Plan",
    "QueryLogCounts",
    "QueryRecorder",
    "Shape",
    "explain",
    "explainable",
    "read_plan",
    "shape_of",
]
