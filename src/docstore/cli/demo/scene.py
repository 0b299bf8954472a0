"""What the chapters of the demo share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from docstore.cli.demo.ledger import Ledger
from docstore.cli.demo.narration import Narrator
from docstore.cli.demo.observing import KafkaWatch
from docstore.clients import KeyValue, SearchIndex
from docstore.store import Store


@dataclass(frozen=True)
class Scene:
    """The open Store, the search engine and the cache, the watch over Kafka, and who keeps and tells the story.

    `run` is a short name that is new with every run; the demo's own documents bear it. `since` is when the run began.
    """

    store: Store
    search: SearchIndex
    key_value: KeyValue
    watch: KafkaWatch
    ledger: Ledger
    narrator: Narrator
    run: str
    since: datetime
