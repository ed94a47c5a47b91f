"""A viewer with a key, against real sockets that ask for one: let in, or told why not."""

import asyncio
import os
import subprocess
import sys

import pytest
import zmq
import zmq.asyncio
from support.keys import Keys, free_tcp, new_pair
from support.snapshots import busy_snapshot

from llmmon.errors import UnreachableError
from llmmon.protocol.control import decode_request, encode_result
from llmmon.protocol.snapshot import encode_snapshot
from llmmon_collector.security.zap import ZapHandler
from llmmon_tui.connection import Connection
from llmmon_tui.feed import Arrived, Lost, Timing

LIMIT_S = 10.0
QUICK = Timing(silence_s=0.2, answer_s=2.0, retry_s=0.01, longest_retry_s=0.05)


class Collector:
    """Answers every question with a snapshot, to viewers whose key is in ``allowed``."""

    def __init__(self, keys):
        self.keys = keys
        self.address = free_tcp()
        self.allowed = set()
        self._context = zmq.asyncio.Context()
        self._handler = ZapHandler([self._context], lambda _, key: key in self.allowed)
        self._handler.start()
        self.control = self._bind(zmq.ROUTER, self.address.control)
        self.snapshots = self._bind(zmq.XPUB, self.address.snapshots)
        self._task = asyncio.create_task(self._answer())

    def _bind(self, kind, endpoint):
        socket = self._context.socket(kind)
        socket.curve_server = True
        socket.curve_publickey = self.keys.pair.public_key.encode()
        socket.curve_secretkey = self.keys.pair.secret_key.encode()
        socket.zap_domain = b"test"
        socket.bind(endpoint)
        return socket

    async def _answer(self):
        picture = encode_snapshot(busy_snapshot(seq=1))
        while True:
            peer, payload = await self.control.recv_multipart()
            reply = encode_result(decode_request(payload).id, picture)
            await self.control.send_multipart([peer, reply])

    async def close(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._handler.stop()
        self._context.destroy(linger=0)


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys")


@pytest.fixture
async def collector(keys):
    collector = Collector(keys)
    yield collector
    await collector.close()


async def news_of(connection_keys, collector, wanted):
    """The first news of the kind ``wanted`` that a feed tells."""
    heard = asyncio.Queue()
    connection = Connection(collector.address, heard.put_nowait, QUICK, connection_keys)
    task = asyncio.create_task(connection.feed.follow("model"))
    try:
        async with asyncio.timeout(LIMIT_S):
            while not isinstance(news := await heard.get(), wanted):
                pass
        return news
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await connection.close()


async def test_a_viewer_with_a_key_is_let_in(keys, collector):
    bob = keys.new("bob", "viewer")
    collector.allowed.add(bob.public_key)
    assert (await news_of(bob, collector, Arrived)).snapshot.seq == 1


async def test_a_viewer_whose_key_is_not_allowed_is_told_at_once(keys, collector):
    bob = keys.new("bob", "viewer")
    lost = await news_of(bob, collector, Lost)
    assert lost.reason.startswith("refused: this key is not allowed there")


@pytest.mark.parametrize(
    ("who", "words"), [("wrong server", "server_key"), ("no key", "--key-file")]
)
async def test_other_reasons_are_told_apart(keys, collector, who, words):
    other = keys.new("bob", "viewer")._replace(server_key=new_pair()[0])
    connection = Connection(
        collector.address, lambda news: None, keys=None if who == "no key" else other
    )
    with pytest.raises(UnreachableError, match=words):
        await connection.control.call("snapshot", by="model")
    await connection.close()


async def test_a_key_that_is_allowed_later_lets_the_viewer_in_by_itself(keys, collector):
    bob = keys.new("bob", "viewer")
    heard = asyncio.Queue()
    connection = Connection(collector.address, heard.put_nowait, QUICK, bob)
    task = asyncio.create_task(connection.feed.follow("model"))
    async with asyncio.timeout(LIMIT_S):
        assert isinstance(await heard.get(), Lost)
        collector.allowed.add(bob.public_key)
        while not isinstance(await heard.get(), Arrived):
            pass
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await connection.close()


def test_the_command_reads_the_key_file_and_refuses_one_that_others_can_read(keys, tmp_path):
    keys.new("bob", "viewer")
    arguments = ["--once", "--connect", f"ipc://{tmp_path}"]
    file = keys.file("bob")

    def run(*more, **environ):
        return subprocess.run(
            [sys.executable, "-m", "llmmon_tui", *arguments, *more],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environ},
        )

    assert run("--key-file", file).returncode == 3
    os.chmod(file, 0o644)
    for done in (run("--key-file", file), run(LLMMON_KEY_FILE=file)):
        assert done.returncode == 2
        assert f"chmod 600 {file}" in done.stderr.replace("\n", " ")
    missing = run("--key-file", str(tmp_path / "none.key"))
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)
