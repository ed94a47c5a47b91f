"""What hangs in a thread, a name look-up or an answer holds up nothing else."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.dispatching import Dispatching, dispatching

from llmmon_collector.notify.senders.blocking import Blocking


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        yield made


@pytest.fixture
def hung_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name server that does not answer."""
    answering, ask = threading.Event(), socket.getaddrinfo

    def hang(host: Any, *rest: Any, **keys: Any) -> Any:
        if host != "127.0.0.1":
            answering.wait(100)
            raise socket.gaierror("no answer")
        return ask(host, *rest, **keys)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    answering.set()


async def test_names_that_nobody_resolves_take_no_threads_from_others(
    daemon: Dispatching, hung_names: None
) -> None:
    many = {f"c{n}": {"type": "webhook", "url": f"http://host{n}.test/"} for n in range(40)}
    daemon.start(**{name: {**spec, "timeout": "300ms"} for name, spec in many.items()})
    for name in many:
        daemon.put(name, "k")
    while any(not daemon.status(name).failing_attempts for name in many):
        await daemon.settled()
    assert {daemon.status(name).last_error for name in many} == {"no answer within 0.3 s"}
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 10) == "done"


async def test_a_success_counts_though_its_text_never_comes(daemon: Dispatching) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        daemon.start(hook={"type": "webhook", "url": f"http://127.0.0.1:{port}/"})
        daemon.put("hook", "k")
        await daemon.settled()
        assert daemon.status("hook").sent == 1
        assert daemon.dispatcher is not None
        await daemon.dispatcher.stop()


async def test_a_call_that_fails_after_it_was_given_up_on_is_no_news() -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    blocking, ending = Blocking("test", 0.2), threading.Event()

    def fail() -> None:
        ending.wait(100)
        raise OSError("too late")

    with pytest.raises(TimeoutError):
        await blocking.call(fail)
    ending.set()
    assert await blocking.call(lambda: 7) == 7
    gc.collect()
    assert complaints == []
