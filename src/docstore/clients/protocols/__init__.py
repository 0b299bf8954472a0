"""The seams between services and servers: what a mechanism may ask of Kafka, Redis or a search engine.

Services receive these Protocols and never an adapter's class, so a test passes a double and a deployment
passes another product. Every method translates its driver's errors into `docstore.errors`:
`ServerUnavailable` when nothing answers, `OperationTimeout` when an outcome is unknown, `ServiceError` when
the server answered and refused.
"""

from docstore.clients.protocols.key_values import KeyValue
from docstore.clients.protocols.probing import Ping, Probe
from docstore.clients.protocols.publishing import OutgoingMessage, Publisher
from docstore.clients.protocols.search_index import IndexInfo, PreparedRecord, SearchIndex, SearchPage

__all__ = [
    "IndexInfo",
    "KeyValue",
    "OutgoingMessage",
    "Ping",
    "PreparedRecord",
    "Probe",
    "Publisher",
    "SearchIndex",
    "SearchPage",
]
