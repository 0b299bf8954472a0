"""Logins and certificates for a Kafka on this machine: made for one run, worth nothing after it.

    with LocalKafka(security=KafkaSecurity(folder, user="docstore", password="secret")) as kafka:
        kafka.address_of("SASL_SSL")

Needs openssl on PATH. Beside its plain listener every broker then has one of SASL_SSL and one of SASL_PLAINTEXT; both
take the user under PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, unless told otherwise. A listener of SSL takes those who
show a certificate of the authority.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.kafka_local import KafkaUnavailable

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_MODULES: Final = "org.apache.kafka.common.security"
_DAYS: Final = "2"


@dataclass(frozen=True)
class Authority:
    """A throw-away authority: its certificate in PEM form, and the key that signs."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """A new one, kept in a folder of its own.

        Raises:
            KafkaUnavailable: openssl is missing or fails.
        """
        folder.mkdir(parents=True)
        key, certificate = str(folder / "ca-key.pem"), str(folder / "ca.pem")
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", _DAYS, "-subj", "/CN=throw-away authority"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate),
        )
        return cls(folder)

    @property
    def certificate(self) -> str:
        """What clients trust, as KAFKA_CA_CERT takes it."""
        return (self.folder / "ca.pem").read_text()

    def sign(self, name: str = "server", *, host: str | None = "IP:127.0.0.1") -> Path:
        """The key and certificate of a server for `host`, of a client when None, in one file as Kafka's PEM stores are.

        Beside it lie ``<name>-key.pem`` and ``<name>.crt``.
        """
        request, signed, key = (self.folder / f"{name}{end}" for end in (".csr", ".crt", "-key.pem"))
        extensions = self.folder / f"{name}.ext"
        usage = f"subjectAltName={host}\nextendedKeyUsage=serverAuth" if host else "extendedKeyUsage=clientAuth"
        extensions.write_text(f"{usage}\nauthorityKeyIdentifier=keyid\n")
        new = ("-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        _openssl("req", *new)
        by = ("-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "ca-key.pem"), "-CAcreateserial")
        of = ("-in", str(request), "-out", str(signed), "-days", _DAYS, "-extfile", str(extensions))
        _openssl("x509", "-req", *of, *by)
        store = self.folder / f"{name}.pem"
        store.write_text(key.read_text() + signed.read_text() + self.certificate)
        return store


@dataclass(frozen=True)
class KafkaSecurity:
    """Listeners that ask for a login, for ``LocalKafka(security=...)``.

    Args:
        folder: where keys and certificates go; they are made when the brokers are configured.
        user: who may log in.
        password: with what; without quotes, commas and backslashes, which Kafka's configuration would read.
        listeners: one of each protocol, with the mechanisms it offers; SSL offers none.
    """

    folder: Path
    user: str
    password: str = field(repr=False)
    listeners: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {"SASL_SSL": MECHANISMS, "SASL_PLAINTEXT": MECHANISMS}
    )

    @property
    def authority(self) -> Authority:
        """Who signed the brokers' certificate; made when first asked for."""
        folder = self.folder / "authority"
        return Authority(folder) if folder.exists() else Authority.make(folder)

    def properties(self) -> Mapping[str, str]:
        """Lines of the brokers' configuration.

        Raises:
            KafkaUnavailable: openssl is missing or fails.
        """
        lines = {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.authority.sign()),
        }
        for protocol, mechanisms in self.listeners.items():
            listener = f"listener.name.{protocol.lower()}"
            if protocol == "SSL":
                lines |= {
                    f"{listener}.ssl.client.auth": "required",
                    f"{listener}.ssl.truststore.type": "PEM",
                    f"{listener}.ssl.truststore.location": str(self.authority.folder / "ca.pem"),
                }
                continue
            lines[f"{listener}.sasl.enabled.mechanisms"] = ",".join(mechanisms)
            for mechanism in mechanisms:
                lines[f"{listener}.{mechanism.lower()}.sasl.jaas.config"] = self._jaas(mechanism)
        return lines

    def format_arguments(self) -> Sequence[str]:
        """What the storage is formatted with: SCRAM's users are part of the cluster's metadata."""
        login = f"[name={self.user},password={self.password}]"
        scram = [each for each in MECHANISMS if each.startswith("SCRAM-")]
        return [part for each in scram for part in ("--add-scram", f"{each}={login}")]

    def _jaas(self, mechanism: str) -> str:
        if mechanism == "PLAIN":
            return f'{_MODULES}.plain.PlainLoginModule required user_{self.user}="{self.password}";'
        return f"{_MODULES}.scram.ScramLoginModule required;"


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        raise KafkaUnavailable("openssl is not on PATH; certificates are made with it")
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise KafkaUnavailable(f"openssl cannot make certificates: {done.stderr.strip()[-200:]}")
