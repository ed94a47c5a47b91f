import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.viewer_data import request_row

from llmmon.errors import SchemaError
from llmmon.protocol.codec import pack
from llmmon_tui.rows import decode_tail, merge_rows, parse_row, parse_rows


def test_a_row_keeps_what_has_the_right_type():
    row = parse_row(request_row(1) | {"latency_ms": "slow", "status_code": True, "error": ""})
    assert row.id == "req-0001"
    assert row.model == "claude-sonnet-4-5"
    assert (row.latency_ms, row.status_code, row.error) == (None, None, None)


@pytest.mark.parametrize("plain", [None, [], {}, {"id": "a"}, {"id": "", "time_ns": 1}])
def test_a_row_without_identity_is_left_out(plain):
    assert parse_row(plain) is None
    assert parse_rows([plain, request_row(2)]) == [parse_row(request_row(2))]


def test_the_tail():
    payload = pack({"rows": [request_row(1)], "sampled_out": 7})
    assert decode_tail(payload) == ([parse_row(request_row(1))], 7)
    with pytest.raises(SchemaError):
        decode_tail(pack({"rows": 1}))
    with pytest.raises(SchemaError):
        parse_rows("rows")


def test_merging_drops_repeats_and_keeps_the_newest():
    rows = [parse_row(request_row(number)) for number in range(6)]
    merged = merge_rows(rows[2:], [*rows[:3]], kept=4)
    assert [row.id for row in merged] == [f"req-{number:04d}" for number in range(4)]


def test_a_busy_minute_does_not_push_out_what_failed():
    rows = [parse_row(request_row(number)) for number in range(8)]
    rows[5] = parse_row(request_row(5, error="TimeoutError"))
    rows[6] = parse_row(request_row(6, status_code=500))
    rows[7] = parse_row(request_row(7, status_code=429))
    merged = merge_rows(rows, [], kept=2, kept_failed=2)
    assert [row.id for row in merged] == ["req-0000", "req-0001", "req-0005", "req-0006"]


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.floats() | st.text()))
def test_anything_can_come(plain):
    parse_row(request_row(0) | plain)
