"""Clients of the servers: thin modules, one lazily made and shared handle each.

Owns the drivers of MongoDB, Redis, Kafka, Algolia and Motor (nobody else imports them), the Protocols that
services ask for, and the translation of driver errors. Does not own what is done with a server: documents,
outbox, search and cache live on floors above. Importing this package imports no driver.
"""

from docstore.clients.algolia import (
    AlgoliaIndex,
    close_search_clients,
    get_search_client,
    get_write_client,
    ping_algolia,
)
from docstore.clients.kafka import (
    close_kafka_producer,
    get_kafka_producer,
    ping_kafka,
    replace_kafka_producer,
)
from docstore.clients.kafka_backlog import messages_behind
from docstore.clients.kafka_consumer import PartitionListener, make_kafka_consumer
from docstore.clients.kafka_publisher import KafkaPublisher
from docstore.clients.kafka_topics import ensure_topic
from docstore.clients.leases import MongoLease
from docstore.clients.metrics import Metrics, NoMetrics, PrometheusMetrics
from docstore.clients.mongo import (
    MongoProbe,
    close_mongo_client,
    connect_mongo,
    get_database,
    get_mongo_client,
    ping_mongo,
)
from docstore.clients.motor import close_motor_client, get_motor_client
from docstore.clients.protocols import (
    IndexInfo,
    KeyValue,
    OutgoingMessage,
    Ping,
    PreparedRecord,
    Probe,
    Publisher,
    SearchIndex,
    SearchPage,
)
from docstore.clients.redis import RedisKeyValue, close_redis, connect_redis, get_redis, ping_redis

__all__ = [
    "AlgoliaIndex",
    "IndexInfo",
    "KafkaPublisher",
    "KeyValue",
    "Metrics",
    "MongoLease",
    "MongoProbe",
    "NoMetrics",
    "OutgoingMessage",
    "PartitionListener",
    "Ping",
    "PreparedRecord",
    "Probe",
    "PrometheusMetrics",
    "Publisher",
    "RedisKeyValue",
    "SearchIndex",
    "SearchPage",
    "close_kafka_producer",
    "close_mongo_client",
    "close_motor_client",
    "close_redis",
    "close_search_clients",
    "connect_mongo",
    "connect_redis",
    "ensure_topic",
    "get_database",
    "get_kafka_producer",
    "get_mongo_client",
    "get_motor_client",
    "get_redis",
    "get_search_client",
    "get_write_client",
    "make_kafka_consumer",
    "messages_behind",
    "ping_algolia",
    "ping_kafka",
    "ping_mongo",
    "ping_redis",
    "replace_kafka_producer",
]
