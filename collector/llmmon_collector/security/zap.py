"""Answers ZeroMQ's question who may connect (ZAP, ZeroMQ RFC 27), on a thread of its own.

With ``ZAP_ENFORCE_DOMAIN`` no answer is a no: where this thread has ended, nobody gets in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import zmq
from zmq.utils import z85

Admit = Callable[[str, str], bool]
"""Whether the holder of a public key may connect to a socket: socket, key."""

_ENDPOINT: Final = "inproc://zeromq.zap.01"
_POLL_MS: Final = 200
_VERSION: Final = b"1.0"
_CURVE: Final = b"CURVE"
_KEY_BYTES: Final = 32


class ZapHandler:
    """One thread for all contexts that have a socket to guard."""

    def __init__(self, contexts: Sequence[zmq.Context[Any]], admit: Admit) -> None:
        """Bind in every context: from now on handshakes wait for ``start``."""
        self._admit = admit
        self.failure = ""
        """What ended the thread, where it was not ``stop``."""
        self._stop = threading.Event()
        self._sockets: list[zmq.Socket[bytes]] = []
        for context in contexts:
            socket = zmq.Context[zmq.Socket[bytes]].shadow(context.underlying).socket(zmq.REP)
            socket.linger = 0
            self._sockets.append(socket)
            socket.bind(_ENDPOINT)
        self._thread = threading.Thread(target=self._run, name="llmmon-keys", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether keys are being checked."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; the contexts can be closed then."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._close()

    def _run(self) -> None:
        try:
            poller = zmq.Poller()
            for socket in self._sockets:
                poller.register(socket, zmq.POLLIN)
            while not self._stop.is_set():
                for socket, _ in poller.poll(_POLL_MS):
                    socket.send_multipart(self._answer(socket.recv_multipart()))
        except Exception as error:  # whoever asks for problems hears of it
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            # a question that nobody will answer would hold its connection for ever
            self._close()

    def _answer(self, question: list[bytes]) -> list[bytes]:
        _, request, domain, _, _, mechanism, *credentials = question
        key = _key(mechanism, credentials)
        if key and self._admit(domain.decode(errors="replace"), key):
            return [_VERSION, request, b"200", b"OK", key.encode(), b""]
        return [_VERSION, request, b"400", b"this key is not allowed", b"", b""]

    def _close(self) -> None:
        for socket in self._sockets:
            socket.close(linger=0)


def _key(mechanism: bytes, credentials: Sequence[bytes]) -> str:
    """The public key in Z85; empty for what is no CURVE key."""
    if mechanism != _CURVE or len(credentials) != 1 or len(credentials[0]) != _KEY_BYTES:
        return ""
    return z85.encode(credentials[0]).decode()


def user_id(frame: zmq.Frame) -> str | None:
    """The public key, in Z85, of the peer that sent ``frame``; None where it has none."""
    try:
        value = frame.get("User-Id")
    except zmq.ZMQError:
        return None
    return str(value) or None
