"""A real Apache Kafka on this machine, from its jars: for tests that need several members in a group, or a lost broker.

    python scripts/kafka_local.py                 # one broker; prints its address, runs until Ctrl-C
    python scripts/kafka_local.py --brokers 3

Needs Java 17 and Maven. The jars are resolved once into a cache (`DOCSTORE_KAFKA_CACHE`, by default
``~/.cache/docstore/kafka-<version>``); data lives in a temporary folder that is removed at the end. The brokers run in
KRaft mode, each its own controller, and end with the process that started them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from scripts.kafka_security import KafkaSecurity

VERSION: Final = "4.1.1"
CLUSTER_ID: Final = "ZG9jc3RvcmUtdGVzdHMtMA"
START_SECONDS: Final = 60.0
RESOLVE_SECONDS: Final = 300.0

_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-local</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

# On Linux the brokers die with their owner, also when it is killed; exec keeps the request.
_DIE_WITH_PARENT: Final = """import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execvp(sys.argv[1], sys.argv[1:])
"""

_HEAP: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class KafkaUnavailable(Exception):
    """A real Kafka cannot run here; the message says what is missing."""


def resolve(cache: Path | None = None) -> Path:
    """The folder of Kafka's jars, filled from Maven's registry when it is empty.

    Raises:
        KafkaUnavailable: Java 17 or Maven is missing, or the registry does not answer.
    """
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise KafkaUnavailable(f"{tool} is not on PATH; a real Kafka needs Java 17 and Maven")
    folder = cache or Path(os.environ.get("DOCSTORE_KAFKA_CACHE") or Path.home() / f".cache/docstore/kafka-{VERSION}")
    if (folder / f"kafka_2.13-{VERSION}.jar").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Filled beside and renamed, so that a broken or a concurrent run leaves no half cache.
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        pom = Path(beside) / "pom.xml"
        pom.write_text(_POM)
        jars = Path(beside) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise KafkaUnavailable(f"Maven did not bring the jars within {RESOLVE_SECONDS:.0f} s") from error
        if done.returncode:
            raise KafkaUnavailable(f"Maven cannot bring the jars: {_last_line(done.stdout + done.stderr)}")
        with contextlib.suppress(OSError):  # somebody else was faster
            jars.rename(folder)
    return folder


@dataclass
class Broker:
    """One node: its number, the ports of its clients and its controller, and its process while it runs."""

    number: int
    port: int
    controller_port: int
    folder: Path
    secured: Mapping[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the broker printed."""
        return self.folder / "broker.log"


class LocalKafka:
    """A Kafka of one or more brokers: ``with LocalKafka() as kafka: kafka.bootstrap``.

    Args:
        brokers: how many; topics that make themselves have as many replicas, at most three.
        partitions: of topics that make themselves.
        properties: more lines of the brokers' configuration.
        security: more listeners, which ask for a login; see `address_of`.

    Raises:
        KafkaUnavailable: on entering, when it cannot run here or does not come up.
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        partitions: int = 4,
        properties: Mapping[str, str] | None = None,
        security: KafkaSecurity | None = None,
    ) -> None:
        self._count = brokers
        self._partitions = partitions
        self._properties = dict(properties or {})
        self._security = security
        self._folder: Path | None = None
        self._classpath = ""
        self.brokers: list[Broker] = []

    def __enter__(self) -> Self:
        self._classpath = f"{resolve()}/*"
        self._folder = Path(tempfile.mkdtemp(prefix="docstore-kafka-"))
        try:
            self._place(self._folder)
            if self._security is not None:
                self._properties = {**self._security.properties(), **self._properties}
            for broker in self.brokers:
                self._format(broker)
            for broker in self.brokers:
                self.start(broker, wait=False)
            for broker in self.brokers:
                self._wait(broker)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def bootstrap(self) -> str:
        """The brokers' addresses, as KAFKA_SERVICE_URI takes them."""
        return ",".join(each.address for each in self.brokers)

    def address_of(self, protocol: str) -> str:
        """The addresses of the brokers' listeners of a protocol of `security`, such as SASL_SSL."""
        return ",".join(f"127.0.0.1:{each.secured[protocol]}" for each in self.brokers)

    def start(self, broker: Broker, *, wait: bool = True) -> None:
        """Start a broker that does not run; its data is what it was.

        Raises:
            KafkaUnavailable: it does not come up within a minute; quotes its last line.
        """
        # What an earlier run printed would pass for this one's.
        broker.log.unlink(missing_ok=True)
        java = ["java", *_HEAP, "-cp", self._classpath, "kafka.Kafka", str(broker.folder / "server.properties")]
        with broker.log.open("wb") as log:
            broker.process = subprocess.Popen(
                [sys.executable, "-c", _DIE_WITH_PARENT, *java],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self._wait(broker)

    def stop(self, broker: Broker, *, kill: bool = False) -> None:
        """End a broker: politely, or with SIGKILL as when its machine is lost."""
        process, broker.process = broker.process, None
        if process is None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self, broker: Broker) -> None:
        """Let a broker do nothing more, as behind a network that swallows packets; `stop` with `kill` ends it."""
        if broker.process is not None:
            broker.process.send_signal(signal.SIGSTOP)

    def _place(self, folder: Path) -> None:
        """Give every broker its folder and its ports."""
        protocols = self._security.listeners if self._security else ()
        ports = iter(_free_ports((2 + len(protocols)) * self._count))
        for number in range(self._count):
            place = folder / str(number)
            place.mkdir()
            self.brokers.append(
                Broker(number, next(ports), next(ports), place, {protocol: next(ports) for protocol in protocols})
            )

    def _format(self, broker: Broker) -> None:
        config = broker.folder / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._configuration(broker).items()))
        command = ["java", *_HEAP, "-cp", self._classpath, "kafka.tools.StorageTool", "format"]
        users = self._security.format_arguments() if self._security else ()
        done = subprocess.run(
            [*command, "--cluster-id", CLUSTER_ID, "--config", str(config), *users],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"Kafka's storage cannot be formatted: {_last_line(done.stdout + done.stderr)}")

    def _configuration(self, broker: Broker) -> dict[str, str]:
        replicas = str(min(3, self._count))
        addresses = {"PLAINTEXT": broker.port, **broker.secured}
        listeners = ",".join(f"{protocol}://127.0.0.1:{port}" for protocol, port in addresses.items())
        voters = ",".join(f"{each.number}@127.0.0.1:{each.controller_port}" for each in self.brokers)
        return {
            "process.roles": "broker,controller",
            "node.id": str(broker.number),
            "controller.quorum.voters": voters,
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{broker.controller_port}",
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": ",".join(["CONTROLLER:PLAINTEXT", *(f"{p}:{p}" for p in addresses)]),
            "log.dirs": str(broker.folder / "data"),
            "num.partitions": str(self._partitions),
            "default.replication.factor": replicas,
            "min.insync.replicas": "2" if self._count > 2 else "1",
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "controlled.shutdown.enable": "true",
            "log.flush.interval.messages": "1000",
            **self._properties,
        }

    def _wait(self, broker: Broker) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if broker.process is None or broker.process.poll() is not None:
                break
            if b"Kafka Server started" in broker.log.read_bytes():
                return
            time.sleep(0.1)
        said = _last_line(broker.log.read_text(errors="replace"))
        raise KafkaUnavailable(f"broker {broker.number} did not come up: {said}")

    def _close(self) -> None:
        # Stopped together: each waits for a controller that may be gone already.
        for broker in self.brokers:
            if broker.process is not None:
                broker.process.kill()
        for broker in self.brokers:
            if broker.process is not None:
                broker.process.wait()
                broker.process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("\t")]  # tabs: Java's frames
    return lines[-1] if lines else "it said nothing"


@contextlib.contextmanager
def _until_interrupted() -> Iterator[queue.SimpleQueue[None]]:
    stop: queue.SimpleQueue[None] = queue.SimpleQueue()  # what a signal handler may use, its own interruption included
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.put(None))
    yield stop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run brokers until interrupted; 1 when they cannot run here."""
    parser = argparse.ArgumentParser(description="A real Apache Kafka on this machine, from its jars.")
    parser.add_argument("--brokers", type=int, default=1, help="how many (default 1)")
    parser.add_argument("--resolve", action="store_true", help="only fill the cache of jars")
    wanted = parser.parse_args(arguments)
    try:
        if wanted.resolve:
            print(f"jars in {resolve()}")
            return 0
        with _until_interrupted() as stop, LocalKafka(wanted.brokers) as kafka:
            print(f"KAFKA_SERVICE_URI={kafka.bootstrap}", flush=True)
            stop.get()
    except KafkaUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
