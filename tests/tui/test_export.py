import csv
import io
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.drawing.table import Cell, Column, Row
from llmmon_tui.export import Header, csv_text, file_name, json_text, screenshot_name
from llmmon_tui.outfile import ExportError, write_export
from llmmon_tui.severity import Severity

AT_NS = 1_770_000_000_123_000_000
COLUMNS = (
    Column("name", "model", 20, flex=True),
    Column("p95", "p95", 7, "right", min_width=100),
    Column("trend", "", 10),
)
ROWS = (
    Row(
        "a",
        (Cell("gpt-4o", beside="openai"), Cell("5.2s", Severity.WARNING), "▁▂█⣿"),
        Severity.WARNING,
    ),
    Row("b", ('名前, "x"\x1b[31m', "—")),
)
HEADER = Header(AT_NS, "prod-eu", 300, "model", "model:gpt", is_past=True)


def table(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv():
    assert table(csv_text(COLUMNS, ROWS)) == [
        ["model", "p95", "trend", "severity"],
        ["gpt-4o openai", "5.2s", "", "warning"],
        ['名前, "x"', "", "", "ok"],
    ]


def test_json():
    assert json.loads(json_text(COLUMNS, ROWS, HEADER)) == {
        "version": 1,
        "at": "2026-02-02T02:40:00.123+00:00",
        "collector": "prod-eu",
        "window_s": 300,
        "by": "model",
        "filter": "model:gpt",
        "is_past": True,
        "columns": [
            {"key": "name", "title": "model"},
            {"key": "p95", "title": "p95"},
            {"key": "trend", "title": ""},
        ],
        "rows": [
            {"severity": "warning", "name": "gpt-4o openai", "p95": "5.2s", "trend": None},
            {"severity": "ok", "name": '名前, "x"', "p95": None, "trend": None},
        ],
    }


def test_an_empty_table():
    assert table(csv_text(COLUMNS, ())) == [["model", "p95", "trend", "severity"]]
    assert json.loads(json_text(COLUMNS, (), HEADER))["rows"] == []


def test_lines_below_a_row_are_its_note():
    rows = (
        Row("top", (Cell("general", spans=True),)),
        Row("a", ("cpu", "80%")),
        Row("detail:a", (Cell("since the start", spans=True),)),
        Row("more:a", (Cell("of four cores", spans=True),)),
        Row("b", ("disk", "25%")),
    )
    columns = COLUMNS[:2]
    assert table(csv_text(columns, rows)) == [
        ["model", "p95", "severity", "note"],
        ["", "", "", "general"],
        ["cpu", "80%", "ok", "since the start of four cores"],
        ["disk", "25%", "ok", ""],
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|'/C calc'!A0", "-2+3+cmd", "@SUM(A1)", "＝1+1", "-"]
)
def test_formulas_are_text(text):
    assert table(csv_text(COLUMNS, (Row("a", (text,)),)))[1][0] == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-5", "-1.2k", "+12%", "-$3.20", "-40ms", "+0.3", "-1,200", "-2/min"]
)
def test_figures_stay(text):
    assert table(csv_text(COLUMNS, (Row("a", (text,)),)))[1][0] == text


@given(st.text())
def test_no_cell_begins_a_formula(text):
    cell = table(csv_text(COLUMNS[:1], (Row("a", (text,)),)))[1][0]
    assert not cell.startswith(("=", "@", "\t", "\r"))


def test_names():
    assert file_name("by Model / p95", AT_NS, "csv") == "llmmon-by-model-p95-20260202T024000Z.csv"
    assert screenshot_name("../..", AT_NS) == "llmmon-screen-20260202T024000Z.svg"


def test_a_file_is_never_written_over(tmp_path):
    paths = [write_export(tmp_path, "t.csv", text) for text in ("a,b\r\n", "ü", "\udc80")]
    assert [path.name for path in paths] == ["t.csv", "t-2.csv", "t-3.csv"]
    assert [path.read_bytes() for path in paths] == [b"a,b\r\n", "ü".encode(), b"?"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "t.csv").symlink_to(tmp_path / "elsewhere")
    assert write_export(tmp_path, "t.csv", "x").name == "t-2.csv"
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(ExportError, match=r"gone/t\.csv: No such file or directory"):
        write_export(tmp_path / "gone", "t.csv", "")


def test_too_many_of_a_name(tmp_path):
    for _ in range(100):
        write_export(tmp_path, "t.csv", "")
    with pytest.raises(ExportError, match="100 files of this name"):
        write_export(tmp_path, "t.csv", "")
