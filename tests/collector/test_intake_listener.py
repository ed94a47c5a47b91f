"""The agents' socket is opened anew when memory runs full, and its peers come back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import zmq

from llmmon_collector.intake.ceiling import Ceiling
from llmmon_collector.intake.listener import Listener, give_back, resident_bytes
from llmmon_collector.intake.receiver import receive

SECOND = 10**9


class Sockets:
    """Makes sockets, and has them until the test is over."""

    def __init__(self) -> None:
        self._context = zmq.Context[zmq.Socket[bytes]]()
        self._made: list[zmq.Socket[bytes]] = []

    def make(self, kind: zmq.SocketType) -> zmq.Socket[bytes]:
        self._made.append(self._context.socket(kind))
        return self._made[-1]

    def peer(self, endpoint: str) -> zmq.Socket[bytes]:
        dealer = self.make(zmq.DEALER)
        dealer.connect(endpoint)
        return dealer

    def binding(self, endpoint: str) -> Callable[[], zmq.Socket[bytes]]:
        def bind() -> zmq.Socket[bytes]:
            router = self.make(zmq.ROUTER)
            router.bind(endpoint)
            return router

        return bind

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets()
    yield made
    made.close()


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def _received(socket: zmq.Socket[bytes]) -> list[bytes]:
    return [frame.bytes for frame in receive(socket)]


def _tend_until_new(listener: Listener) -> None:
    first = listener.socket
    while listener.socket is first:
        listener.tend()


def test_below_the_ceiling_nothing_is_asked() -> None:
    ceiling = Ceiling(100)
    assert not any(ceiling.is_exceeded(100, at * SECOND) for at in range(10))
    assert ceiling.exceeded == 0


def test_above_it_every_time_that_memory_fills_again() -> None:
    ceiling = Ceiling(100)
    for at in range(5):
        assert ceiling.is_exceeded(101, at * SECOND)
        assert not ceiling.is_exceeded(50, at * SECOND + 1)
    assert ceiling.exceeded == 5


def test_what_does_not_help_is_tried_ever_less() -> None:
    ceiling = Ceiling(100)
    asked = [at for at in range(3600 * 5) if ceiling.is_exceeded(101, at * SECOND // 5)]
    gaps_s = [(b - a) / 5 for a, b in pairwise(asked)]
    assert gaps_s == sorted(gaps_s)
    assert gaps_s[0] == 0.2
    assert gaps_s[-1] == 600
    assert len(asked) < 20


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_a_peer_is_heard_on_the_new_socket(
    sockets: Sockets, tmp_path: Path, transport: str
) -> None:
    endpoint = f"ipc://{tmp_path}/in.sock" if transport == "ipc" else _free_port()
    memory = [1]
    listener = Listener(sockets.binding(endpoint), Ceiling(100), lambda: memory[0])
    first = listener.socket
    peer = sockets.peer(endpoint)
    peer.send(b"one")
    assert first.poll(5000)
    assert _received(first)[1:] == [b"one"]
    memory[0] = 101
    _tend_until_new(listener)
    assert first.closed
    memory[0] = 1
    assert "memory ran full once" in listener.problem
    # what was on its way when the socket went is the agent's to send again
    while not listener.socket.poll(100):
        peer.send(b"two")
    assert _received(listener.socket)[1:] == [b"two"]


def test_an_endpoint_that_is_lost_is_an_error(sockets: Sockets, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    listener = Listener(sockets.binding(f"ipc://{folder}/in.sock"), Ceiling(0))
    (folder / "in.sock").unlink()
    folder.rmdir()
    with pytest.raises(zmq.ZMQError):
        _tend_until_new(listener)


def test_of_a_message_with_many_frames_six_are_kept(sockets: Sockets, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/in.sock"
    router = sockets.binding(endpoint)()
    peer = sockets.peer(endpoint)
    peer.send_multipart([b"x"] * 5000)
    peer.send_multipart([b"a", b"b"])
    for expected in ([b"x"] * 5, [b"a", b"b"]):
        assert router.poll(5000)
        assert _received(router)[1:] == expected
    with pytest.raises(zmq.Again):
        receive(router)


def test_the_memory_of_this_process_is_told() -> None:
    give_back()
    assert 1 << 20 < resident_bytes() < 1 << 40
