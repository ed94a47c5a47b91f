from __future__ import annotations

import csv
import io
import json
from typing import Any

from llmmon.errors import ControlError


def test_json_is_a_list_of_row_objects(run: Any, collector: Any) -> None:
    rows = json.loads(run("query", "SELECT 1", "--format", "json").output)
    assert rows == [
        {"model": "m1\x1b[31m", "n": 2, "cost": None},
        {"model": "m2", "n": 40, "cost": 0.5},
    ]


def test_csv_reads_back(run: Any, collector: Any) -> None:
    output = run("query", "SELECT 1", "--format", "csv").output
    rows = list(csv.reader(io.StringIO(output)))
    assert rows[0] == ["model", "n", "cost"]
    assert rows[2] == ["m2", "40", "0.5"]
    assert rows[1][2] == ""


def test_the_table_is_safe_and_marks_what_is_missing(run: Any, collector: Any) -> None:
    output = run("query", "SELECT 1").output
    assert "\x1b" not in output
    assert "—" in output


def test_limit_and_timeout_reach_the_collector(run: Any, collector: Any) -> None:
    run("query", "SELECT 1", "--limit", "5", "--timeout", "2.5")
    assert collector.asked == [("query", {"sql": "SELECT 1", "limit": 5, "timeout_s": 2.5})]


def test_a_cut_result_says_so(run: Any, collector: Any) -> None:
    collector.methods["query"] = lambda _params: {
        "columns": ["a"],
        "rows": [[1]],
        "truncated": True,
    }
    assert "--limit" in run("query", "SELECT 1").stderr


def test_refused_sql_is_a_usage_error_in_one_line(run: Any, collector: Any) -> None:
    result = run("query", "nonsense")
    assert result.exit_code == 2
    assert result.stderr == "Error: bad_request: Parser Error: nonsense\n"


def test_a_query_that_takes_too_long_is_bad_not_usage(run: Any, collector: Any) -> None:
    def refuse(_params: dict[str, Any]) -> None:
        raise ControlError("timeout", "stopped after 10 s")

    collector.methods["query"] = refuse
    assert run("query", "SELECT 1").exit_code == 1


def test_columns_of_one_name_are_all_kept(run: Any, collector: Any) -> None:
    collector.methods["query"] = lambda _params: {
        "columns": ["id", "id", "id_2", "id"],
        "rows": [[1, 2, 3, 4]],
        "truncated": False,
    }
    rows = json.loads(run("query", "SELECT 1", "--format", "json").output)
    assert rows == [{"id": 1, "id_3": 2, "id_2": 3, "id_4": 4}]
