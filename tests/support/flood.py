"""A peer that sends only what must be refused: ``python -m support.flood ADDRESS SEED COUNT``.

It never reads what it is answered, prints how many messages it sent, and stays connected until its
standard input is closed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

from llmmon.protocol.wire import HEADER_SIZE, Header, Message, encode_message
from support import rawzmtp
from support.frames import batch_frames
from support.hostile import malformed

_SMALL = 4096
_CHUNK = 1 << 16
_ONE_IN = 2000
_MANY = 1000


class Flooder:
    """Messages by ``seed``; each call makes one that a collector refuses and counts."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._agent = self._random.randbytes(16)
        self._seq = 0
        rows = [{"start_ns": 1, "latency_ms": 1.0, "input_tokens": i} for i in range(8)]
        self._good = [batch_frames(i + 1, rows[: i + 1]) for i in range(8)]
        attacks = [attack.payload for attack in malformed()]
        self._small = [payload for payload in attacks if len(payload) <= _SMALL]
        self._large = [payload for payload in attacks if len(payload) > _SMALL]
        self._kinds: tuple[Callable[[], list[bytes]], ...] = (
            *(self._flipped, self._flipped, self._cut, self._spliced, self._miscounted),
            *(self._random_frames, self._poison, self._heartbeat),
        )

    def message(self) -> list[bytes]:
        """The frames of one message."""
        if self._random.randrange(_ONE_IN):
            return self._random.choice(self._kinds)()
        many = [b""] * self._random.randrange(5, _MANY)
        return many if self._random.randrange(4) else self._poison(self._large)

    def _flipped(self) -> list[bytes]:
        frames = list(self._random.choice(self._good))
        at = self._random.randrange(4)
        changed = bytearray(frames[at])
        changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        frames[at] = bytes(changed)
        return frames

    def _cut(self) -> list[bytes]:
        frames = list(self._random.choice(self._good))
        at = self._random.randrange(4)
        frames[at] = frames[at][: self._random.randrange(len(frames[at]))]
        return frames

    def _spliced(self) -> list[bytes]:
        one, other = self._random.sample(self._good, 2)
        at = self._random.randrange(2, 4)
        return [*one[:at], *other[at:]]

    def _miscounted(self) -> list[bytes]:
        frames = self._random.choice(self._good) * 2
        return frames[: self._random.choice((1, 2, 3, 5, 6, 7, 8))]

    def _random_frames(self) -> list[bytes]:
        sizes = (1, HEADER_SIZE, self._random.randrange(300), 4)
        return [self._random.randbytes(size) for size in sizes]

    def _poison(self, payloads: list[bytes] | None = None) -> list[bytes]:
        self._seq += 1
        header = Header(self._agent, 1, seq=self._seq, base_seq=self._seq)
        payload = self._random.choice(payloads or self._small)
        return encode_message(Message.BATCH, header, payload)

    def _heartbeat(self) -> list[bytes]:
        payload = self._random.randbytes(self._random.randrange(60))
        return encode_message(Message.HEARTBEAT, Header(self._agent, 1), payload)


def chunks(seed: int, count: int) -> Iterator[bytes]:
    """``count`` messages as the bytes of a ZMTP stream."""
    flooder = Flooder(seed)
    waiting = bytearray()
    for _ in range(count):
        waiting += rawzmtp.message(flooder.message())
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)


def main(address: str, seed: str, count: str) -> None:
    """Send, say so, and wait."""
    peer = rawzmtp.join(address)
    peer.settimeout(60)
    for chunk in chunks(int(seed), int(count)):
        peer.sendall(chunk)
    print(count, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
