"""A real Redis behind a password, and behind TLS."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docstore.cache import Cache, CacheHelper
from docstore.clients import RedisKeyValue, close_redis, ping_redis
from docstore.errors import ServerUnavailable, ServiceError
from docstore.settings import Settings

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") and shutil.which("openssl")), reason="needs redis-server and openssl on PATH"
)

PASSWORD = "s3cret/with:odd@characters"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., None]]:
    running: list[subprocess.Popen[bytes]] = []

    def start_with(port: int, *options: str) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", "", *options]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail("redis-server did not start")

    yield start_with
    for server in running:
        server.terminate()
        server.wait()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself; its key lies beside it."""
    made = tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key.pem"), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made


def settings(**fields: object) -> Settings:
    return Settings(
        db_method="LOCAL",
        database_url_local="mongodb://127.0.0.1:1",
        connect_attempts=1,
        redis_timeout_s=5,
        **fields,
    )


async def test_a_password_lets_in_and_a_wrong_one_does_not(start: Callable[..., None]) -> None:
    port = free_port()
    start(port, "--port", str(port), "--requirepass", PASSWORD)
    right = settings(redis_host="127.0.0.1", redis_port=port, redis_password=PASSWORD)
    helper = CacheHelper(Cache(RedisKeyValue(right)), "secured")
    assert await helper.set("k", {"v": 1})
    assert await helper.get("k") == {"v": 1}
    for wrong in (
        settings(redis_host="127.0.0.1", redis_port=port, redis_password="wrong"),
        settings(redis_host="127.0.0.1", redis_port=port),
    ):
        with pytest.raises(ServiceError) as caught:
            await ping_redis(wrong)
        assert PASSWORD not in str(caught.value)
        assert "wrong" not in str(caught.value)
        await close_redis(wrong)
    await close_redis(right)


async def test_tls_is_spoken_and_an_unknown_authority_refused(start: Callable[..., None], certificate: Path) -> None:
    port = free_port()
    keys = ("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate.parent / "key.pem"))
    trust = ("--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no")
    start(port, "--port", "0", "--tls-port", str(port), *keys, *trust, "--requirepass", "pw")
    trusted = settings(redis_url=f"rediss://:pw@127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
    assert (await ping_redis(trusted)).server == "redis"
    assert await RedisKeyValue(trusted).set("k", b"v", ttl=60)
    unknown = settings(redis_url=f"rediss://:pw@127.0.0.1:{port}/0")
    with pytest.raises(ServerUnavailable):
        await ping_redis(unknown)
    await close_redis(unknown)
    await close_redis(trusted)
