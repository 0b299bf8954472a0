"""The base of documents within documents."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class SubDocument(BaseModel):
    """Base of documents within documents: camelCase storage, and what it does not know is kept and saved again.

    A plain pydantic model works too, but the unknown fields of a stored sub-document are lost when it is saved.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", hide_input_in_errors=True)
