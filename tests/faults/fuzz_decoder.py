"""Coverage-guided fuzzing of everything that reads bytes from a peer or a disk.

``python tests/faults/fuzz_decoder.py -max_total_time=60``; the options are libFuzzer's. It needs
the PyPI package ``atheris``. What breaks is printed as base64: it belongs into
``tests/protocol/test_hostile.py``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["llmmon"]):
    from llmmon.errors import ControlError, ProtocolError
    from llmmon.protocol import codec, control, segment, snapshot, wire
    from llmmon.protocol.wire import HEADER_SIZE

sys.path.append(str(Path(__file__).parents[1]))
from support.hostile import ATTACKS

EXPECTED = (ProtocolError, ControlError)
_LONGEST_SEED = 4096
_NONCE = bytes(range(8))


def message(data: bytes) -> None:
    """Frames as they stand, which hardly ever pass the checksum."""
    head = data[1 : 1 + HEADER_SIZE]
    wire.decode_message([data[:1], head, data[1 + HEADER_SIZE : -4], data[-4:]])


def batch(data: bytes) -> None:
    """A payload, all the way to rows and series."""
    decoded = wire.decode_batch(data[1:], data[0] if data else 0)
    for key in decoded.series:
        wire.decode_series(key)
    for table in decoded.tables.values():
        table.rows()


def scan(data: bytes) -> None:
    """A segment: every byte is in a record or in damage."""
    covered = 0
    for found in segment.scan(memoryview(data), _NONCE, 0):
        if isinstance(found, segment.Damage):
            assert found.start == covered
        covered = found.end
    assert covered == len(data)


def record(data: bytes) -> None:
    """A record that is whole, with anything in it."""
    [found] = segment.scan(memoryview(segment.encode_record(_NONCE, data)), _NONCE, 0)
    assert isinstance(found, segment.Record)
    segment.decode_body(found.body)


TARGETS: tuple[Callable[[bytes], object], ...] = (
    *(message, batch, scan, record),
    *(wire.decode_heartbeat, codec.decode_map, wire.decode_series),
    *(control.decode_request, control.decode_reply, snapshot.decode_snapshot),
)


def one_input(data: bytes) -> None:
    """The first byte chooses the reader, the others are what it reads."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except EXPECTED:
        return


def write_seeds(folder: Path) -> None:
    """What libFuzzer starts from: known attacks, by every reader that they are for."""
    for number, attack in enumerate(ATTACKS):
        if len(attack.payload) > _LONGEST_SEED:
            continue
        frames = attack.frames()
        body = segment.encode_body(0, frames)
        for target, data in {
            message: b"".join(frames),
            batch: bytes([attack.header.get("events", 1) & 255]) + attack.payload,
            scan: segment.encode_record(_NONCE, body),
            record: body,
        }.items():
            seed = bytes([TARGETS.index(target)]) + data
            (folder / f"{number}-{target.__name__}").write_bytes(seed)
    others = {
        wire.decode_heartbeat: codec.pack(["s", "e", "h", 1, "0", 2, {"n": 1}, 3, 2.0, [], 0]),
        codec.decode_map: codec.encode_map({"credit": 64}),
        control.decode_request: control.encode_request(control.Request(1, "status", {})),
        control.decode_reply: control.encode_error(1, "failed", "why"),
        snapshot.decode_snapshot: codec.pack([snapshot.VERSION, *[0] * 12]),
    }
    for number, (target, data) in enumerate(others.items()):
        (folder / f"other-{number}").write_bytes(bytes([TARGETS.index(target)]) + data)


def main() -> None:
    """Fuzz until something breaks or the time given is over."""
    with tempfile.TemporaryDirectory() as folder:
        write_seeds(Path(folder))
        # Fuzz ends the process
        atheris.Setup([*sys.argv, "-max_len=8192", "-print_final_stats=1", folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
