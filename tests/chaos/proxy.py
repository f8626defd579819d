"""`python -m tests.chaos.proxy FOLDER SEED PEERS FAULTS`: stands before the systems outside and lets requests go wrong.

PEERS is the file with their ports. Ports of its own are in `proxy.json`, one for each system; what it has done to which
request is in `faults.jsonl`. FAULTS is `all`, `brief` (none that only a timeout ends), `mute` (brief, and no system
tells whether a step was done) or `slow` (answers take their time, and nothing fails). The file `away` in the folder
names systems that are away meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.chaos.faults import SERVED, SERVED_STATUS, UNSERVED_STATUS, UNTELLING, Fault, dice, drawn
from tests.chaos.programs import LOOPBACK, announce

AWAY = "away"
FAULTS = "faults.jsonl"
LATENCY_S = (0.02, 0.8)
DRIP_S = 0.01  # for each byte
ENDLESS = frozenset({Fault.SILENT_SERVED, Fault.SILENT_UNSERVED})
MODES: Mapping[str, Callable[[Fault], Fault]] = {
    "all": lambda fault: fault,
    "brief": lambda fault: Fault.NOTHING if fault in ENDLESS else fault,
    "mute": lambda fault: Fault.NOTHING if fault in ENDLESS else fault,
    "slow": lambda fault: Fault.LATENCY,
}
PROBE = "GET /seats/"
LONGEST_SILENCE_S = 120.0


class Proxy:
    """Before one system."""

    def __init__(self, system: str, upstream: int, seed: int, folder: Path, faults: str) -> None:
        self._system = system
        self._upstream = upstream
        self._seed = seed
        self._mode = MODES[faults]
        self._mute = faults == "mute"
        self._away = folder / AWAY
        self._noted = (folder / FAULTS).open("ab", buffering=0)
        self._seen: Counter[str] = Counter()
        self._inside = 0  # requests that are being served
        self._well = 0  # how many were, since the system was away

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        try:
            if self._fault("connection") is Fault.RESET_UNREAD:
                self._note(Fault.RESET_UNREAD, "")
                return _reset(writer)
            while await self._exchange(reader, writer):
                continue
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone
        finally:
            writer.close()

    def _fault(self, request: str) -> Fault:
        self._seen[request] += 1
        lot = dice(self._seed, self._system, request, self._seen[request])
        return lot.choice(UNTELLING) if self._mute and request.startswith(PROBE) else self._mode(drawn(lot))

    def _note(self, fault: Fault, request: str) -> None:
        told = {
            "system": self._system, "request": request, "fault": fault, "at_ms": time.time_ns() // 1_000_000,
            "inside": self._inside, "well": self._well,
        }  # fmt: skip
        self._noted.write(json.dumps(told).encode() + b"\n")

    async def _exchange(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """A request and what is made of it; whether another may follow on this connection."""
        raw = await _message(reader)
        line = raw.partition(b"\r\n")[0].decode()
        request = line.rpartition(" ")[0]
        fault = self._fault(request)
        if self._is_away():
            fault, self._well = Fault.AWAY, 0
        self._note(fault, request)
        self._inside += 1
        try:
            return await self._serve(fault, request, raw, reader, writer)
        finally:
            self._inside -= 1

    async def _serve(self, fault: Fault, request: str, raw: bytes, reader: StreamReader, writer: StreamWriter) -> bool:
        lot = dice(self._seed, self._system, request, -self._seen[request])
        if fault is Fault.LATENCY:
            await asyncio.sleep(lot.uniform(*LATENCY_S))
        answer = await self._answer(raw) if fault in SERVED else b""
        self._well += fault in (Fault.NOTHING, Fault.LATENCY)
        return await _act(fault, answer, lot, reader, writer)

    def _is_away(self) -> bool:
        try:
            return self._system in self._away.read_text().split()
        except FileNotFoundError:
            return False

    async def _answer(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._upstream)
        try:
            writer.write(raw)
            return await _message(reader)
        finally:
            writer.close()


async def _act(fault: Fault, answer: bytes, lot: random.Random, reader: StreamReader, writer: StreamWriter) -> bool:
    match fault:
        case Fault.RESET_UNREAD | Fault.RESET_UNSERVED | Fault.RESET_SERVED:
            _reset(writer)
            return False
        case Fault.SILENT_SERVED | Fault.SILENT_UNSERVED:
            await _until_gone(reader)
            return False
        case Fault.HALF_CLOSE:
            writer.write(answer[: len(answer) - 5])
            writer.write_eof()
            await _until_gone(reader)
            return False
        case Fault.STATUS_UNSERVED:
            answer = _status(lot.choice(UNSERVED_STATUS))
        case Fault.STATUS_SERVED:
            answer = _status(lot.choice(SERVED_STATUS))
        case Fault.BUSY:
            answer = _status(429)
        case Fault.BUSY_WAIT:
            answer = _status(429, "Retry-After: 1")
        case Fault.AWAY:
            answer = _status(503)
        case Fault.MALFORMED:
            head, _, body = answer.partition(b"\r\n\r\n")
            answer = head + b"\r\n\r\n" + b"{<" + body[2:]
        case Fault.DRIP:
            for byte in answer:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_S)
            return True
    writer.write(answer)
    await writer.drain()
    return True


async def _message(reader: StreamReader) -> bytes:
    """A request or an answer; both say how long they are."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")


def _status(code: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {code} Chaos", *headers, "Content-Length: 0", "", ""]).encode()


def _reset(writer: StreamWriter) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _until_gone(reader: StreamReader) -> None:
    try:
        async with asyncio.timeout(LONGEST_SILENCE_S):
            await reader.read()
    except TimeoutError:
        return


async def main(folder: Path, seed: int, peers: dict[str, int], faults: str) -> None:
    """Serves until it is killed; its leash does so when its parent has gone."""
    ports = {}
    for system, upstream in peers.items():
        proxy = Proxy(system, upstream, seed, folder, faults)
        server = await asyncio.start_server(proxy.serve, LOOPBACK, 0, backlog=1_024)
        ports[system] = server.sockets[0].getsockname()[1]
    announce(folder / "proxy.json", ports)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text()), sys.argv[4]))
