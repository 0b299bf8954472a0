"""Kafka topics: made when they are missing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from docstore.clients._kafka_options import connection_options
from docstore.clients._kafka_refusals import why_unreachable
from docstore.clients._shared import resolve
from docstore.errors import ServiceError
from docstore.settings import Settings

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

_USUAL_REPLICAS = 3
_POLL_S = 0.1


async def ensure_topic(
    name: str, partitions: int = 6, replication: int | None = None, settings: Settings | None = None
) -> None:
    """Create the topic unless it exists; an existing one is left as it is. KAFKA_TOPIC_PREFIX is put before the name.

    Brokers that refuse to create topics on demand are given the chance to make it by themselves, as they do
    for the first message when configured so.

    Args:
        name: the topic.
        partitions: how many, for a new topic that is created on demand.
        replication: copies of each partition; None for three, or as many as there are brokers if fewer.
        settings: those of the environment when None.

    Raises:
        ServerUnavailable: no broker answers, or its certificate or protocol does not fit.
        AccessDenied: it refuses the login.
        ServiceError: the topic cannot be created, and does not appear by itself within
            ``kafka_request_timeout_s``.
    """
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    settings = resolve(settings)
    name = settings.topic_prefix + name
    admin = AIOKafkaAdminClient(**connection_options(settings))
    try:
        async with asyncio.timeout(settings.connect_timeout_s):
            await admin.start()
            if name in await admin.list_topics():
                return
        refusal = await _create(admin, name, partitions, replication)
        if refusal is not None and not await _appears(admin, name, settings.kafka_request_timeout_s):
            raise ServiceError(
                f"Kafka refused to create topic {name!r} ({refusal}), and does not create it by itself.",
                hint="Create it with the cluster's own tools, or give KAFKA_USERNAME the right to.",
            )
    except (KafkaError, TimeoutError) as error:
        raise await why_unreachable(settings, error) from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, name: str, partitions: int, replication: int | None) -> str | None:
    """Why the brokers refused, or None when the topic exists now."""
    from aiokafka.admin import NewTopic
    from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

    if replication is None:
        replication = min(_USUAL_REPLICAS, len((await admin.describe_cluster())["brokers"]))
    try:
        response = await admin.create_topics([NewTopic(name, partitions, replication)])
    except KafkaConnectionError:
        raise
    except (KafkaError, AttributeError) as error:
        # AttributeError: a cluster without a controller has nobody to send the request to.
        return type(error).__name__
    code = response.topic_errors[0][1]
    return None if code in (0, TopicAlreadyExistsError.errno) else for_code(code).__name__


async def _appears(admin: AIOKafkaAdminClient, name: str, limit_s: float) -> bool:
    """Whether the topic shows up with partitions; asking for it is what makes brokers create it."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while asyncio.get_running_loop().time() < deadline:
        found = await admin.describe_topics([name])
        if found and found[0]["error_code"] == 0 and found[0]["partitions"]:
            return True
        await asyncio.sleep(_POLL_S)
    return False
