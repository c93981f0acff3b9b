"""Many subscribers in one process, as cheap as they can be: see `service_load`.

Each reads raw frames, answers pings, and notes when what it read had been published. Some
shake hands and never read again.
"""

import asyncio
import json
import re
import socket
import time
from typing import Annotated

import numpy as np
import typer

_AT = re.compile(rb'"at":([\d.]+)')
_FINAL = re.compile(rb'"state":"final"')
_HANDSHAKE = (
    "GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_PING, _CLOSE = 0x9, 0x8


class Reader(asyncio.Protocol):
    """One subscriber; `delays` is shared by all."""

    def __init__(self, port: int, delays: list[float]) -> None:
        self.messages = self.finals = 0
        self.closed = False
        self._port, self._delays = port, delays
        self._data = b""
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE.format(port=self._port).encode())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.open:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self.open, self._data = True, rest
        while (frame := self._frame()) is not None:
            self._take(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def _frame(self) -> tuple[int, bytes] | None:
        """Take one whole frame; a server's are not masked."""
        data = self._data
        if len(data) < 2:
            return None
        length, begin = data[1], 2
        if length >= 126:
            begin = 4 if length == 126 else 10
            length = int.from_bytes(data[2:begin], "big")
        if len(data) < begin + length:
            return None
        self._data = data[begin + length :]
        return data[0] & 0xF, data[begin : begin + length]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._transport.write(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        elif opcode == _CLOSE:
            self._transport.close()
        elif b'"type":"hello"' not in payload[:16] and (at := _AT.search(payload)):
            self._delays.append(time.monotonic() - float(at[1]))
            self.messages += 1
            self.finals += bool(_FINAL.search(payload))


def deaf(port: int) -> socket.socket:
    """A subscriber that never reads."""
    wire = socket.create_connection(("127.0.0.1", port))
    wire.sendall(_HANDSHAKE.format(port=port).encode())
    return wire


async def read(port: int, readers: int, seconds: float) -> dict[str, object]:
    """Connect all, and read for a while; delays are in milliseconds."""
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    reading = []
    for _ in range(readers):
        _, reader = await loop.create_connection(lambda: Reader(port, delays), "127.0.0.1", port)
        reading.append(reader)
    while not all(reader.open for reader in reading):
        await asyncio.sleep(0.05)
    typer.echo("connected")
    await asyncio.sleep(seconds)
    percentiles = np.percentile(delays, (50, 99, 99.9, 100)) * 1000 if delays else np.zeros(4)
    return {
        "delay_ms": dict(zip(("p50", "p99", "p99.9", "max"), percentiles.round(2), strict=True)),
        "messages": len(delays),
        "fewest": min(reader.messages for reader in reading),
        "most": max(reader.messages for reader in reading),
        "finals": sorted({reader.finals for reader in reading}),
        "closed": sum(reader.closed for reader in reading),
    }


def main(
    port: int,
    readers: Annotated[int, typer.Option()] = 480,
    never_read: Annotated[int, typer.Option()] = 20,
    seconds: Annotated[float, typer.Option()] = 30.0,
) -> None:
    """Read, then print what came of it as JSON."""
    stuck = [deaf(port) for _ in range(never_read)]
    result = asyncio.run(read(port, readers, seconds))
    for wire in stuck:
        wire.close()
    typer.echo(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
