"""Reading messages: an offset is committed after the effect, so a crash repeats a message and loses none.

Owns the loop over a broker's consumer: lanes in which the messages of one key stay in order, offsets, retries, dead
letters, pausing under pressure, rebalances and the graceful end. What a message means is the worker's.
"""

from docstore.workers.consuming.attempts import ATTEMPTS
from docstore.workers.consuming.health import ConsumerHealth
from docstore.workers.consuming.protocols import Consumer
from docstore.workers.consuming.runner import ConsumerRunner, run_consumer

__all__ = ["ATTEMPTS", "Consumer", "ConsumerHealth", "ConsumerRunner", "run_consumer"]
