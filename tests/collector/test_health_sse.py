"""Server-sent events, and what a chat API says in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.health.checks.chat import error_in, piece_of
from llmmon_collector.health.checks.sse import MAX_EVENT_BYTES, Event, EventReader

STREAM = (
    b"\xef\xbb\xbf: hello\n\ndata: one\n\nevent: error\r\ndata:two\rdata:  three\r\rid: 4\n\n"
    b"data\n\ndata: f\xc3\xa4nf\n\ndata: unfinished"
)
EVENTS = [
    Event("message", "one"),
    Event("error", "two\n three"),
    Event("message", ""),
    Event("message", "fänf"),
]


def test_events_of_a_whole_stream() -> None:
    assert EventReader().feed(STREAM) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_pieces_may_be_cut_anywhere(cuts: list[int]) -> None:
    reader, found, start = EventReader(), list[Event](), 0
    for cut in [*sorted(cuts), len(STREAM)]:
        found += reader.feed(STREAM[start:cut])
        start = cut
    assert found == EVENTS


@given(st.lists(st.sampled_from(["data: x", "data:y", ": c", "event: e", "", "junk"]), max_size=12))
def test_every_line_ending_means_the_same(lines: list[str]) -> None:
    found = [EventReader().feed(end.join([*lines, ""]).encode()) for end in ("\n", "\r", "\r\n")]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 9000, b"data: " + b"x" * 9000 + b"\n"])
def test_events_are_bounded(piece: bytes) -> None:
    reader = EventReader()

    def feed_it_all() -> None:
        for _ in range(40):
            reader.feed(piece)

    with pytest.raises(ValueError, match=f"larger than {MAX_EVENT_BYTES} bytes"):
        feed_it_all()


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_no_bytes_are_too_odd(pieces: list[bytes]) -> None:
    reader = EventReader()
    for piece in pieces:
        for event in reader.feed(piece):
            piece_of(event)


def chunk(**choice: Any) -> str:
    return json.dumps({"choices": [{"index": 0, **choice}]})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (chunk(delta={"role": "assistant", "content": ""}), "nothing"),
        (chunk(delta={"content": "p"}), "token"),
        (chunk(delta={"reasoning_content": "hm"}), "token"),
        (chunk(delta={"tool_calls": [{"index": 0}]}), "token"),
        (chunk(delta={"content": "p"}, finish_reason="length"), "token"),
        (chunk(delta={}, finish_reason="length"), "finished"),
        (json.dumps({"choices": [], "usage": {}}), "nothing"),
        (json.dumps({"choices": "odd"}), "nothing"),
        (json.dumps({"choices": [None, 3]}), "nothing"),
        ("[1]", "nothing"),
        ("half {", "nothing"),
        (" [DONE] ", "done"),
        (json.dumps({"error": {"message": "overloaded"}}), "error"),
    ],
)
def test_what_an_event_means(data: str, kind: str) -> None:
    assert piece_of(Event("message", data)).kind == kind


def test_an_error_event_need_not_be_json() -> None:
    assert piece_of(Event("error", "it broke")).error == "it broke"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"error": {"message": "no such model", "code": 404}}, "no such model"),
        ({"error": {"type": "server_error"}}, "server_error"),
        ({"error": {"x": 1}}, "no reason given"),
        ({"error": "out of memory"}, "out of memory"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "Not Found"}, "Not Found"),
        (
            {"error": {"message": "key sk-abcdefghijklmnop\x1b[31m\nrefused"}},
            "key *** [31m refused",
        ),
        ({"error": "x" * 5000}, "x" * 200),
        ({"error": None, "choices": []}, ""),
    ],
)
def test_errors_in_any_dialect(document: dict[str, Any], message: str) -> None:
    assert error_in(document) == message
