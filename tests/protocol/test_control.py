"""Requests and replies: round trips, refusals, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import ControlError, SchemaError
from llmmon.protocol import control
from llmmon.protocol.codec import pack
from llmmon.protocol.control import Request


def test_request_round_trip() -> None:
    request = Request(7, "query", {"sql": "SELECT 1", "limit": 10})
    assert control.decode_request(control.encode_request(request)) == request


def test_result_round_trip() -> None:
    assert control.decode_reply(control.encode_result(7, {"rows": [[1, None]]})) == (
        7,
        {"rows": [[1, None]]},
    )


def test_a_refusal_is_raised_with_its_code() -> None:
    with pytest.raises(ControlError, match="not_found: no such trace") as caught:
        control.decode_reply(control.encode_error(7, "not_found", "no such trace"))
    assert caught.value.code == "not_found"


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_request_and_no_reply(payload: bytes) -> None:
    with pytest.raises(SchemaError):
        control.decode_request(payload)
    with pytest.raises(SchemaError):
        control.decode_reply(payload)


def test_a_request_over_the_bound_is_refused() -> None:
    sql = "x" * control.MAX_REQUEST
    with pytest.raises(SchemaError, match="at most"):
        control.decode_request(control.encode_request(Request(1, "query", {"sql": sql})))


def test_a_request_without_a_method_is_refused() -> None:
    with pytest.raises(SchemaError):
        control.decode_request(pack({"id": 1, "params": {}}))
