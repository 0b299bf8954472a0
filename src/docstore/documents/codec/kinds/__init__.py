"""The kinds of values a codec knows: how a stored one is read, and when one in memory is as validation would leave it.

Each kind gives lines of Python over one variable; `generation.py` puts them into a function. A line that meets what
it does not know ends the function (`{bail}`).
"""

from docstore.documents.codec.kinds.leaves import EnumShape, beanie_id
from docstore.documents.codec.kinds.nested import CheckedShape, ListShape, ModelShape
from docstore.documents.codec.kinds.recognising import field_type_shape, is_list_or_null, leaf_shape, object_id_shape
from docstore.documents.codec.kinds.shape import Shape

__all__ = [
    "CheckedShape",
    "EnumShape",
    "ListShape",
    "ModelShape",
    "Shape",
    "beanie_id",
    "field_type_shape",
    "is_list_or_null",
    "leaf_shape",
    "object_id_shape",
]
