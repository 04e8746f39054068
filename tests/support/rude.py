"""A peer that misbehaves, on loopback: it drips, never ends, resets, or answers with nonsense."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
RST = struct.pack("ii", 1, 0)

HTTP_MANNERS = (
    "silent",  # takes the connection, says nothing
    "drip head",  # a byte of the headers now and then
    "drip body",  # a byte of the body now and then
    "endless head",  # headers without end
    "endless continue",  # heads that promise another one
    "endless body",  # a body without end, of valid JSON
    "endless line",  # a body without end and without a line end
    "reset",  # ends the connection in the midst of the body
    "nonsense",  # no HTTP
    "wrong type",  # JSON of another form
    "short",  # less than was announced
)
SMTP_MANNERS = (
    "silent",
    "drip head",
    "smtp drip after data",
    "smtp drip quit",
    "smtp endless",
    "reset",
    "nonsense",
)


@dataclass
class Peer:
    """What it did."""

    port: int
    sent: int = 0
    asked: int = 0


@contextlib.contextmanager
def rude(manner: str, pause: float = 0.05, path: str = "") -> Iterator[Peer]:  # noqa: PLR0915
    """Run such a peer; ``pause`` lies between two bytes that drip; on a Unix socket, if named."""
    if path:
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
    else:
        server = socket.create_server(("127.0.0.1", 0))
    peer, over = Peer(0 if path else server.getsockname()[1]), threading.Event()

    def send(there: socket.socket, data: bytes) -> None:
        there.sendall(data)
        peer.sent += len(data)

    def drip(there: socket.socket, data: bytes) -> None:
        while not over.wait(pause):
            send(there, data)

    def smtp(there: socket.socket) -> None:
        send(there, b"220 rude\r\n")
        with there.makefile("rb") as read:
            text = False
            while line := read.readline():
                if text:
                    text = line != b".\r\n"
                    if not text:
                        if manner == "smtp drip after data":
                            drip(there, b"2")
                        send(there, b"250 taken\r\n")
                elif line.upper().startswith(b"QUIT"):
                    if manner == "smtp drip quit":
                        drip(there, b"2")
                    send(there, b"221 bye\r\n")
                    return
                elif line.upper().startswith(b"DATA"):
                    text = True
                    send(there, b"354 go on\r\n")
                elif manner == "smtp endless":
                    while not over.is_set():
                        send(there, b"250-x\r\n" * 1000)
                else:
                    send(there, b"250 ok\r\n")

    def talk(there: socket.socket) -> None:  # noqa: PLR0912 -- of manners
        if manner.startswith("smtp"):
            return smtp(there)
        if manner == "silent":
            over.wait()
        elif manner == "drip head":
            drip(there, b"2")
        elif manner == "drip body":
            send(there, HEAD)
            drip(there, b" ")
        elif manner == "endless head":
            send(there, b"HTTP/1.1 200 OK\r\n")
            while not over.is_set():
                send(there, b"X-A: b\r\n" * 1000)
        elif manner == "endless continue":
            while not over.is_set():
                send(there, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        elif manner == "endless body":
            send(there, HEAD)
            while not over.is_set():
                send(
                    there,
                    b'{"results":[{"series":[{"columns":["time"],"values":[[1]]}]}]}\n' * 1000,
                )
        elif manner == "endless line":
            send(there, HEAD + b'{"tasks": [')
            while not over.is_set():
                send(there, b'{"id": "a"},' * 10000)
        elif manner == "reset":
            send(there, HEAD + b'{"tasks": [')
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        elif manner == "nonsense":
            send(there, bytes(range(256)) * 100)
        elif manner == "wrong type":
            send(there, HEAD + b'[{"results": 5, "tasks": {"a": [null]}}]')
        elif manner == "short":
            send(there, HEAD[:-2] + b"Content-Length: 100\r\n\r\n{}")
        return None

    def one(there: socket.socket) -> None:
        peer.asked += 1
        with contextlib.suppress(OSError), there:
            if not manner.startswith("smtp") and manner != "silent":
                there.settimeout(0.2)
                with contextlib.suppress(OSError):
                    there.recv(1 << 16)
                there.settimeout(None)
            talk(there)
            if manner == "wrong type":
                # what is left unread would reset the connection before the answer is read
                there.shutdown(socket.SHUT_WR)
                there.settimeout(10)
                while there.recv(1 << 16):
                    pass

    def serve() -> None:
        while True:
            try:
                there, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(there,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield peer
    finally:
        over.set()
        server.close()


DNS_MANNERS = (
    "silent",
    "nonsense",
    "other answer",  # an answer to another question, again and again
    "truncated, silent",  # by UDP: ask by TCP, which says nothing
    "truncated, drip",  # which sends a byte now and then
    "truncated, endless",
    "truncated, reset",
)


@contextlib.contextmanager
def rude_resolver(manner: str, pause: float = 0.05) -> Iterator[Peer]:
    """Run a resolver that misbehaves, by UDP and TCP."""
    tcp = socket.create_server(("127.0.0.1", 0))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(tcp.getsockname())
    peer, over = Peer(tcp.getsockname()[1]), threading.Event()

    def answer(question: bytes, there: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            speak(question, there)

    def speak(question: bytes, there: tuple[str, int]) -> None:
        if manner.startswith("truncated"):
            udp.sendto(question[:2] + b"\x83\x80" + question[4:], there)
        elif manner == "nonsense":
            udp.sendto(bytes(range(256)), there)
        elif manner == "other answer":
            while not over.wait(pause):
                udp.sendto(b"\0\0\x81\x80" + question[4:], there)

    def by_udp() -> None:
        with contextlib.suppress(OSError):
            while True:
                question, there = udp.recvfrom(4096)
                peer.asked += 1
                threading.Thread(target=answer, args=(question, there), daemon=True).start()

    def talk(there: socket.socket) -> None:
        with contextlib.suppress(OSError), there:
            there.recv(4096)
            if manner == "truncated, reset":
                there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                return
            while not over.wait(0 if manner == "truncated, endless" else pause):
                if manner == "truncated, silent":
                    continue
                data = b"\xff" * (65536 if manner == "truncated, endless" else 1)
                there.sendall(data)
                peer.sent += len(data)

    def by_tcp() -> None:
        with contextlib.suppress(OSError):
            while True:
                there, _ = tcp.accept()
                threading.Thread(target=talk, args=(there,), daemon=True).start()

    for work in (by_udp, by_tcp):
        threading.Thread(target=work, daemon=True).start()
    try:
        yield peer
    finally:
        over.set()
        udp.close()
        tcp.close()
