"""SQL literals and answers to queries."""

import pytest

from llmmon.errors import SchemaError
from llmmon_tui.statements import answered, between, instant, select, whole_number

AT_NS = 1_795_500_000_123_456_789


def test_an_instant_is_utc_to_the_microsecond():
    assert instant(AT_NS) == "TIMESTAMP '2026-11-24 06:00:00.123456'"


def test_labels_are_quoted_and_an_empty_one_is_null_too():
    condition = between(0, AT_NS, {"model": "o'brien", "route": ""})
    assert condition.endswith("coalesce(model, '') = 'o''brien' AND coalesce(route, '') = ''")


def test_a_statement_has_its_parts_in_order():
    assert select("1", "rollups", "TRUE") == "SELECT 1 FROM rollups WHERE TRUE"


def test_rows_are_as_wide_as_expected():
    assert answered({"rows": [[1, 2]], "truncated": True}, 2) == ([[1, 2]], True)
    for wrong in ({"rows": [[1]], "truncated": False}, {"rows": "x", "truncated": False}, []):
        with pytest.raises(SchemaError, match="2 columns"):
            answered(wrong, 2)


def test_whole_numbers():
    assert (whole_number(None), whole_number(7), whole_number(str(10**20))) == (0, 7, 10**20)
    for wrong in (True, 1.5, "1.5", "x"):
        with pytest.raises(SchemaError, match="whole number"):
            whole_number(wrong)
