"""Health checks that speak each server's own protocol, byte by byte, so that no driver has to be imported."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from bson import decode, encode

_OP_MSG = 2013
_KAFKA_METADATA = 3


class UnhealthyError(Exception):
    """The server answered, but not as a server that is ready would."""


@contextlib.asynccontextmanager
async def _connection(
    host: str | None, port: int | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def check_mongodb(url: str) -> None:
    """Send `hello` and expect a writable primary."""
    address = urlsplit(url)
    body = b"\0\0\0\0" + b"\0" + encode({"hello": 1, "$db": "admin"})
    async with _connection(address.hostname, address.port) as (reader, writer):
        writer.write(struct.pack("<iiii", 16 + len(body), 1, 0, _OP_MSG) + body)
        (length,) = struct.unpack("<i", await reader.readexactly(4))
        answer = await reader.readexactly(length - 4)
    hello = decode(answer[12 + 5 :])
    if not hello.get("isWritablePrimary"):
        raise UnhealthyError("it is not a writable primary")


async def check_redis(url: str) -> None:
    """Send `PING` and expect `PONG`: a server that still loads its data answers otherwise."""
    address = urlsplit(url)
    async with _connection(address.hostname, address.port) as (reader, writer):
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        answer = await reader.readline()
    if answer != b"+PONG\r\n":
        raise UnhealthyError("it did not answer PING with PONG")


async def check_kafka(url: str) -> None:
    """Ask every broker for the cluster's metadata and expect at least one broker in it."""
    for broker in url.split(","):
        host, _, port = broker.rpartition(":")
        client = b"docstore"
        request = struct.pack(">hhih", _KAFKA_METADATA, 1, 1, len(client)) + client + struct.pack(">i", 0)
        async with _connection(host, int(port)) as (reader, writer):
            writer.write(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", await reader.readexactly(4))
            answer = await reader.readexactly(length)
        _correlation, brokers = struct.unpack(">ii", answer[:8])
        if brokers < 1:
            raise UnhealthyError("its metadata names no broker")


async def check_algolia(url: str) -> None:
    """Expect 200 from `/1/isalive`."""
    address = urlsplit(url)
    async with _connection(address.hostname, address.port) as (reader, writer):
        writer.write(f"GET /1/isalive HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
    if b" 200" not in status:
        raise UnhealthyError("/1/isalive did not answer 200")
