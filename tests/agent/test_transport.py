"""The socket to a collector that asks for keys: what it says when shut out, and the way back."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from support.keys import free_tcp, new_pair
from zmq.utils import z85

from llmmon.protocol.curve import CurveKeys
from llmmon.sending.transport import Transport

LIMIT_S = 15.0


class Server:
    """A ROUTER that admits the public keys in ``allowed``; all who have one when ``curve``."""

    def __init__(self, curve: bool = True) -> None:
        self.public_key, secret_key = new_pair()
        self.allowed: set[str] = set()
        self.endpoint = free_tcp().ingest
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = self.context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self.socket = self.context.socket(zmq.ROUTER)
        if curve:
            self.socket.curve_server = True
            self.socket.curve_publickey = self.public_key.encode()
            self.socket.curve_secretkey = secret_key.encode()
            self.socket.zap_domain = b"test"
        self.socket.bind(self.endpoint)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._stopping.is_set():
            if self._zap.poll(20):
                _, request, *_, key = self._zap.recv_multipart()
                admitted = z85.encode(key).decode() in self.allowed
                code = b"200" if admitted else b"400"
                self._zap.send_multipart([b"1.0", request, code, b"", b"", b""])

    def keys(self) -> CurveKeys:
        return CurveKeys(self.public_key, *new_pair())

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.context.destroy(linger=0)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def plain() -> Iterator[Server]:
    server = Server(curve=False)
    yield server
    server.close()


@pytest.fixture
def wake_fd() -> Iterator[int]:
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    yield read_fd
    os.close(read_fd)
    os.close(write_fd)


def turn_until(transport: Transport, done: Callable[[], bool]) -> None:
    begun_s = time.monotonic()
    while not done():
        assert time.monotonic() - begun_s < LIMIT_S, transport.refusal
        transport.wait(0.05, for_peer=True)
        transport.mend(time.monotonic())


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("unknown", "llmmon keys allow"),
        ("wrong server", "server_key"),
        ("no key", "name your key file in LLMMON_KEY_FILE"),
    ],
)
def test_it_says_why_it_is_shut_out(server: Server, wake_fd: int, who: str, words: str) -> None:
    keys = {
        "unknown": server.keys(),
        "wrong server": server.keys()._replace(server_key=new_pair()[0]),
        "no key": None,
    }[who]
    transport = Transport(server.endpoint, keys, wake_fd)
    turn_until(transport, lambda: bool(transport.refusal))
    assert words in transport.refusal
    assert not transport.send([b"x"])
    transport.close()


def test_a_collector_that_asks_for_no_key_is_told_apart(plain: Server, wake_fd: int) -> None:
    transport = Transport(plain.endpoint, plain.keys(), wake_fd)
    turn_until(transport, lambda: "asks for no key" in transport.refusal)
    transport.close()


def test_it_tries_again_and_gets_in_once_the_key_is_allowed(server: Server, wake_fd: int) -> None:
    keys = server.keys()
    transport = Transport(server.endpoint, keys, wake_fd)
    turn_until(transport, lambda: bool(transport.refusal))
    server.allowed.add(keys.public_key)
    turn_until(transport, lambda: transport.send([b"x"]))
    assert server.socket.poll(int(LIMIT_S * 1000))
    turn_until(transport, lambda: not transport.refusal)
    transport.close()


def test_it_does_not_hammer_at_the_door(server: Server, wake_fd: int) -> None:
    transport = Transport(server.endpoint, server.keys(), wake_fd)
    while not transport.refusal:
        transport.wait(0.05, for_peer=True)
    assert not transport.mend(100.0)
    assert not transport.mend(101.9)
    assert transport.mend(102.1)
    assert not transport.mend(102.2)
    transport.close()


def test_a_socket_that_cannot_be_made_is_tried_again(plain: Server, wake_fd: int) -> None:
    transport = Transport(plain.endpoint, None, wake_fd)
    turn_until(transport, lambda: transport.send([b"x"]))
    transport.reopen(plain.endpoint, CurveKeys(*("#" * 40,) * 3))
    assert transport.refusal
    for now_s in (0.0, 2.0):
        transport.mend(now_s)
        assert not transport.send([b"x"])
        assert list(transport.receive()) == []
        transport.wait(0.0, for_peer=True)
    transport.reopen(plain.endpoint, None)
    turn_until(transport, lambda: transport.send([b"x"]))
    transport.close()


def test_a_process_without_descriptors_gets_its_socket_when_it_has_some(
    plain: Server, wake_fd: int
) -> None:
    transport = Transport(plain.endpoint, None, wake_fd)
    turn_until(transport, lambda: transport.send([b"x"]))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        transport.reopen(plain.endpoint, None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not transport.send([b"x"])
    assert not transport.mend(100.0)
    assert transport.mend(102.0)
    turn_until(transport, lambda: transport.send([b"x"]))
    transport.close()


def test_keys_are_not_used_on_this_machines_own_socket(tmp_path: str, wake_fd: int) -> None:
    endpoint = f"ipc://{tmp_path}/s"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.ROUTER) as router:
        router.linger = 0
        router.bind(endpoint)
        transport = Transport(endpoint, CurveKeys(new_pair()[0], *new_pair()), wake_fd)
        turn_until(transport, lambda: transport.send([b"x"]))
        assert router.poll(5000)
        transport.close()
    context.destroy(linger=0)
