"""Codecs: functions compiled once per class that turn stored documents into instances and instances into documents.

A codec takes what is usual and proves it value by value; whatever else it meets, it hands to pydantic or to Beanie's
encoder, so that values and errors are always theirs. Owns neither leniency (`hydration.py`) nor what is written when.
"""

from docstore.documents.codec.compiled import Codec, codec_of, is_plain
from docstore.documents.codec.generation import BAIL
from docstore.documents.codec.judging import judging_validator, unchanged
from docstore.documents.codec.kinds import beanie_id
from docstore.documents.codec.late import LATE, filled
from docstore.documents.codec.plain import encode_value

__all__ = [
    "BAIL",
    "LATE",
    "Codec",
    "beanie_id",
    "codec_of",
    "encode_value",
    "filled",
    "is_plain",
    "judging_validator",
    "unchanged",
]
