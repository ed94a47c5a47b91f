"""llmmon's own collector as a process, fed as agents feed it: credit and acknowledgements.

Without the fold into DuckDB it receives, journals with fdatasync, acknowledges, and counts in the
live windows; with it, all that users run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Final

import zmq

from bench.peers.base import Peer, Server
from bench.peers.process import running
from bench.traffic import AGENT, BATCH
from llmmon.cli.client import ControlClient
from llmmon.errors import UnreachableError
from llmmon.protocol.codec import unpack
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.wire import Header, Message, decode_message, encode_message

WHOLE: Final = "llmmon_collector"
UNFOLDED: Final = "bench.peers.unfolded"
UNLIMITED: Final = "[collector]\nagent_events_per_s = 1e9\n"
"""The one sender stands for many agents: what one agent may send is no bound here."""
_WINDOW_S: Final = 3600
_MAX_ITEMS: Final = 64
_PATIENCE_MS: Final = 20_000


def counted(client: ControlClient) -> int:
    """Requests in the live windows."""
    total = client.call("metrics", {"window_s": _WINDOW_S, "by": []})["total"]
    return int(total["requests"] or 0)


def stored(client: ControlClient) -> int:
    """Requests in DuckDB."""
    answer = client.call("query", {"sql": "SELECT count(*) FROM requests"})
    return int(answer["rows"][0][0])


@contextmanager
def serve(
    module: str,
    directory: Path,
    config: str = UNLIMITED,
    taken: Callable[[ControlClient], int] = counted,
) -> Iterator[Server]:
    """A collector in ``directory``, with the configuration ``config``."""
    (directory / "llmmon.toml").write_text(config)
    address = parse_address(f"ipc://{directory}/run")
    command: list[str | Path] = [sys.executable, "-m", module, "--listen", str(address)]
    command += ["--config", directory / "llmmon.toml", "--state", directory / "state", "--http", ""]
    with (
        running(command, directory / "log", lambda: _answers(address)) as process,
        ControlClient(address, timeout_s=30.0) as client,
    ):
        yield Server(process, str(address), lambda: taken(client))


@contextmanager
def collector(module: str = UNFOLDED, config: str = UNLIMITED) -> Iterator[str]:
    """The address of a collector on directories of its own, for an agent to send to."""
    with (
        tempfile.TemporaryDirectory(prefix="llmmon-") as name,
        serve(module, Path(name), config) as server,
    ):
        yield server.address


def send(address: str, messages: Sequence[bytes], records: int, seconds: float) -> int:
    """An agent's side of delivery: as much as credit allows; events acknowledged."""
    until_s = time.monotonic() + seconds
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(parse_address(address).ingest)
        # a stream of its own each time, as a process started anew has it
        epoch = time.time_ns()
        dealer.send_multipart(encode_message(Message.HELLO, Header(AGENT, epoch), b""))
        acknowledged, credit = _answer(dealer)
        sent = 0
        for payload in cycle(messages):
            if time.monotonic() > until_s:
                break
            sent += 1
            header = Header(AGENT, epoch, sent, sent, (sent - 1) * records, records, epoch, 0)
            dealer.send_multipart(encode_message(Message.BATCH, header, payload))
            while sent - acknowledged >= credit:
                acknowledged, credit = _answer(dealer)
        while acknowledged < sent:
            acknowledged, credit = _answer(dealer)
    return acknowledged * records


def peer(title: str, module: str, taken: Callable[[ControlClient], int]) -> Peer:
    """The collector that ``module`` runs, through when it has ``taken`` everything."""
    run = partial(serve, module, taken=taken)
    return Peer(title, run, lambda payload: [payload], BATCH, send)


def _answer(dealer: zmq.Socket[bytes]) -> tuple[int, int]:
    """The last batch that is on the disk, and how many more may be on their way.

    Raises:
        RuntimeError: a batch was refused, or there is no answer.
    """
    if not dealer.poll(_PATIENCE_MS):
        raise RuntimeError("the collector does not answer")
    envelope = decode_message(dealer.recv_multipart())
    told = unpack(envelope.payload, _MAX_ITEMS)
    if envelope.message not in {Message.WELCOME, Message.ACK}:
        raise RuntimeError(f"the collector answered {envelope.message.name}: {told}")
    return envelope.header.seq, int(told["credit"])


def _answers(address: Address) -> bool:
    try:
        with ControlClient(address, timeout_s=1.0) as client:
            client.call("status")
    except UnreachableError:
        return False
    return True
