"""The seams: what the package hands on, that importing it stays cheap, and that the adapters fit."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from docstore import clients
from docstore.clients import AlgoliaIndex, KafkaPublisher, KeyValue, Publisher, RedisKeyValue, SearchIndex

DRIVERS = ("aiokafka", "algoliasearch", "confluent_kafka", "fakeredis", "motor", "redis", "secantus")


def test_all_names_are_handed_on_and_nothing_else() -> None:
    public = {name for name, value in vars(clients).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(clients.__all__)
    assert list(clients.__all__) == sorted(clients.__all__)


def test_importing_the_clients_imports_no_driver() -> None:
    code = f"import sys, docstore.clients; print([name for name in {DRIVERS} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("adapter", "protocol"), [(KafkaPublisher, Publisher), (RedisKeyValue, KeyValue), (AlgoliaIndex, SearchIndex)]
)
def test_adapters_have_the_parameters_of_the_protocol(adapter: type, protocol: type) -> None:
    for name, declared in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            actual = dict(inspect.signature(getattr(adapter, name)).parameters)
            wanted = dict(inspect.signature(declared).parameters)
            assert {parameter: actual.pop(parameter, None) for parameter in wanted} == wanted, name
            # An adapter may offer more, but not ask for it.
            assert all(more.default is not more.empty for more in actual.values()), name
