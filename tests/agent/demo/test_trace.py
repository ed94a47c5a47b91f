from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmmon.demo.trace import MAX_LINE, BadRow, TraceReader, TraceRow


def read(text: str) -> list[TraceRow | BadRow]:
    return list(TraceReader(io.StringIO(text)))


def test_csv_rows_carry_their_line_time_and_fields() -> None:
    rows = read("t,input_tokens,output_tokens\n0.0,374,44\n4.5,396,109\n")
    assert rows == [
        TraceRow(2, 0.0, {"input_tokens": 374, "output_tokens": 44}),
        TraceRow(3, 4.5, {"input_tokens": 396, "output_tokens": 109}),
    ]


def test_json_lines_are_known_by_their_first_character() -> None:
    rows = read('{"timestamp": 27, "input_length": 5, "hash_ids": [1, 2]}\n\n{"model": "m"}\n')
    assert rows == [TraceRow(1, 27.0, {"input_tokens": 5}), TraceRow(3, None, {"model": "m"})]


def test_bad_rows_name_line_column_and_reason_and_the_rest_goes_on() -> None:
    rows = read("model,latency_ms\nm,abc\nm\nm,1\n")
    assert rows == [
        BadRow(2, "latency_ms 'abc': expected a number"),
        BadRow(3, "1 values, expected 2"),
        TraceRow(4, None, {"model": "m", "latency_ms": 1.0}),
    ]


def test_bad_json_is_a_bad_row() -> None:
    rows = read('{"model": "m"}\n{"model"\n[1]\n{"model": "n"}\n')
    assert [type(row) for row in rows] == [TraceRow, BadRow, BadRow, TraceRow]


def test_unknown_columns_are_ignored_and_named_once() -> None:
    reader = TraceReader(io.StringIO("gpu,model\n1,m\n2,m\n"))
    assert len(list(reader)) == 2
    assert reader.ignored == ("gpu",)


def test_a_row_with_nothing_known_is_bad() -> None:
    assert read("gpu\n1\n") == [BadRow(2, "no known column has a value")]


def test_an_http_status_is_error_and_status() -> None:
    (row,) = read("error_code,end_to_end_latency_s,ttft_s\n429,0,0\n")
    assert row == TraceRow(2, None, {"error": "429", "status_code": 429})
    (row,) = read("status_code,latency_ms\n503,12\n")
    assert row == TraceRow(2, None, {"error": "503", "status_code": 503, "latency_ms": 12.0})


def test_zero_latency_of_a_fine_request_stays() -> None:
    assert read("latency_ms,error\n0,\n") == [TraceRow(2, None, {"latency_ms": 0.0})]


def test_the_first_of_two_columns_for_one_field_counts() -> None:
    (row,) = read("latency_s,latency_ms\n,7\n")
    assert row == TraceRow(2, None, {"latency_ms": 7.0})
    (row,) = read("latency_s,latency_ms\n1,7\n")
    assert row == TraceRow(2, None, {"latency_ms": 1000.0})


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert read("\ufeffmodel\nm\n") == [TraceRow(2, None, {"model": "m"})]


def test_an_overlong_line_is_a_bad_row_and_the_next_is_read() -> None:
    long = "m" * (MAX_LINE + 1)
    rows = read(f"model,route\n{long},r\nm,r\n")
    assert [type(row) for row in rows] == [BadRow, TraceRow]


def test_nothing_gives_nothing() -> None:
    assert read("") == []


@given(st.text(max_size=400))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(isinstance(row, TraceRow | BadRow) for row in read(text))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["model", "latency_ms", "t", "input_tokens", "error", "x"]),
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
            min_size=1,
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_json_object_gives_one_row(rows: list[dict[str, Any]]) -> None:
    assert len(read("".join(json.dumps(row) + "\n" for row in rows))) == len(rows)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6),
            st.integers(0, 2**32 - 1),
            st.text(st.characters(codec="ascii", categories=["L"]), min_size=6),
        )
    )
)
def test_what_was_written_is_read(rows: list[tuple[float, int, str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("t", "input_tokens", "model"), *rows])
    out.seek(0)
    expected = [(t_s, {"input_tokens": n, "model": model}) for t_s, n, model in rows]
    assert [row[1:] for row in TraceReader(out)] == expected
