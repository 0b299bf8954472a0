"""Process: a Kafka cluster (librdkafka's mock) of three brokers, in memory.

Topics make themselves on first use, with four partitions. The cluster lives as long as the producer that
carries it; it cannot be given ports.
"""

from __future__ import annotations

from docstore.embedded.lifeline import Lifeline, fail, make_parser

_BROKERS = 3
_METADATA_TIMEOUT_S = 10.0


def main() -> None:
    """Serve until the supervisor says otherwise or goes away."""
    parser = make_parser("kafka")
    options = parser.parse_args()
    if options.port:
        fail("The embedded Kafka server chooses its ports itself: no port can be given.")
    lifeline = Lifeline(watch_stdin=options.exit_on_stdin_eof)

    from confluent_kafka import Producer

    # bootstrap.servers is required and then replaced by the mock's own addresses.
    cluster = Producer({"test.mock.num.brokers": _BROKERS, "bootstrap.servers": "replaced"})
    brokers = cluster.list_topics(timeout=_METADATA_TIMEOUT_S).brokers.values()
    addresses = [f"{broker.host}:{broker.port}" for broker in brokers]
    lifeline.ready(min(broker.port for broker in brokers), address=",".join(sorted(addresses)))
    lifeline.wait()
    # Nothing to flush: the producer never sends. Dropping it ends the cluster.
    del cluster


if __name__ == "__main__":
    main()
