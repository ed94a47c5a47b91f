"""What a handshake's end means to the side that connects."""

import struct

import pytest
import zmq

from llmmon.protocol.curve import HANDSHAKE_EVENTS, CurveKeys, decode_handshake, is_key

PROTOCOL = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
MISMATCH = 0x11000002


def frame(event: int, value: int = 0) -> bytes:
    return struct.pack("=HI", event, value)


def test_the_events_are_those_of_zeromq() -> None:
    assert (
        zmq.EVENT_HANDSHAKE_FAILED_AUTH
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_SUCCEEDED
    ) == HANDSHAKE_EVENTS


@pytest.mark.parametrize(
    ("event", "value", "has_keys", "words", "final"),
    [
        (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 400, True, "llmmon keys allow", True),
        (PROTOCOL, MISMATCH, True, "asks for no key", True),
        (PROTOCOL, MISMATCH, False, "asks for a key: name your key file in LLMMON_KEY_FILE", True),
        (PROTOCOL, 0x11000001, True, "server_key", True),
        (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32, True, "server_key", False),
        (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32, False, "--key-file", False),
    ],
)
def test_a_failure_says_what_to_mend(
    event: int, value: int, has_keys: bool, words: str, final: bool
) -> None:
    handshake = decode_handshake(frame(event, value), has_keys)
    assert handshake is not None
    assert words in handshake.trouble
    assert handshake.final is final


def test_a_success_is_no_trouble() -> None:
    assert decode_handshake(frame(zmq.EVENT_HANDSHAKE_SUCCEEDED), True) == ("", False)


@pytest.mark.parametrize("other", [b"", b"\0", frame(zmq.EVENT_CONNECTED)])
def test_other_events_are_passed_over(other: bytes) -> None:
    assert decode_handshake(other, True) is None


def test_keys_are_z85_and_the_secret_is_not_shown() -> None:
    public_key, secret_key = (key.decode() for key in zmq.curve_keypair())
    assert is_key(public_key)
    assert not is_key(public_key[:-1])
    assert not is_key(public_key[:-1] + '"')
    assert secret_key not in repr(CurveKeys(public_key, public_key, secret_key))
