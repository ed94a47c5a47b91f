"""The condition in SQL selects the rows that `matches` lets pass, in the project's own tables."""

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmon_collector.store import schema
from llmmon_tui.filtering import parse_filter, plain_subject, where_sql
from llmmon_tui.filtering.kinds import ALIASES, KINDS
from llmmon_tui.filtering.parse import quote
from llmmon_tui.filtering.sql import literal

TABLES = ("requests", "logs", "spans")
SLOW_MS = 2000.0
TEXTS = (
    "gpt-4o",
    "GPT_4O",
    "50% off",
    "o'hara",
    'say "hi"',
    "a\\b",
    "!",
    "Ärger",
    "a*c",
    "",
    "a b",
)
LETTERS = "gGpPtT4oO-_%'\"\\!*, äÄσж猫:>"
AMOUNTS = ("2s", "2000", "$0.05", "0.05", "5%", "429", "3", "1k", "0.1", "many", '""', "-1")

texts = st.sampled_from(TEXTS) | st.text(LETTERS, max_size=6)
numbers = st.sampled_from((0.0, 0.05, 0.1, 1.0, 3.0, 200.0, 429.0, 1000.0, 2000.0, 2000.5))
values = texts.map(quote) | texts.filter(bool) | st.sampled_from(AMOUNTS)
operators = st.sampled_from((":", "=", "!=", ">", "<", ">=", "<="))
words = st.sampled_from(("error", "errors", "failed", "ok", "slow", "unpriced", "ERROR", "gpt*"))
OTHER_NAMES = ("err", "rule", "unheard")


def filters_of(table):
    kind = KINDS[table]
    text = st.tuples(st.sampled_from(kind.texts), st.sampled_from((":", "!=", "=", ">")), values)
    number = st.tuples(
        st.sampled_from(kind.numbers or kind.texts), operators, st.sampled_from(AMOUNTS)
    )
    other = st.tuples(st.sampled_from((*OTHER_NAMES, *ALIASES)), operators, values)
    term = st.one_of(text.map("".join), number.map("".join), other.map("".join), values, words)
    signed = st.tuples(st.sampled_from(("", "-", "!")), term).map("".join)
    return st.lists(signed, min_size=1, max_size=2).map(" ".join)


def row_of(table):
    columns = {}
    for column in schema.TABLES[table]:
        if column.computed or column.name in {"time", "time_ns", "start_ns", "tags"}:
            continue
        if column.name == "level":
            columns["level"] = st.sampled_from(("DEBUG", "error", "CRITICAL"))
        elif column.name == "cost_pico_usd":
            columns[column.name] = st.sampled_from((0, 50_000_000_000, 10**11, 10**12, 123_456))
        elif column.name in KINDS[table].texts:
            columns[column.name] = texts
        elif column.name in KINDS[table].numbers:
            columns[column.name] = numbers
    return st.fixed_dictionaries({name: st.none() | one for name, one in columns.items()})


@pytest.fixture(scope="module")
def database():
    with duckdb.connect(":memory:") as connection:
        for statement in schema.ddl():
            connection.execute(statement)
        yield connection


def told(database, statement):
    cursor = database.execute(statement)
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def plain(row):
    changed = dict(row)
    if changed.get("cost_usd") is not None:
        changed["cost_usd"] = float(changed["cost_usd"])
    return changed


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_sql_selects_what_matches(database, table, data):
    rows = data.draw(st.lists(row_of(table), min_size=1, max_size=4))
    database.execute(f"DELETE FROM {table}")
    for row in rows:
        marks = ", ".join("?" for _ in row)
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"
        database.execute(statement, list(row.values()))
    stored = [plain(row) for row in told(database, f"SELECT *, rowid AS place FROM {table}")]
    for text in data.draw(st.lists(filters_of(table), min_size=1, max_size=6)):
        read = parse_filter(text)
        condition = where_sql(read, table, SLOW_MS)
        chosen = told(database, f"SELECT rowid AS place FROM {table} WHERE {condition}")
        others = told(database, f"SELECT rowid AS place FROM {table} WHERE NOT ({condition})")
        passing = {
            row["place"] for row in stored if plain_subject(table, row, SLOW_MS).passes(read)
        }
        assert {row["place"] for row in chosen} == passing, (text, condition)
        assert len(chosen) + len(others) == len(stored), "the condition was NULL"


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("ttft>0.1", {0}),
        ("ttft<=0.1", set()),
        ('user:""', {0, 1}),
        ('-user:""', {2}),
        ("model:gpt_*", {2}),
        ("error", {1}),
        ("-error", {0, 2}),
        ("unpriced", {0, 2}),
        ("cost=$0.05", {1}),
    ],
)
def test_cases_that_differ_by_a_hair(database, text, passing):
    database.execute("DELETE FROM requests")
    database.execute(
        "INSERT INTO requests (seq, ttft_ms, user_id, model, status_code, cost_pico_usd) VALUES "
        "(0, 0.1, NULL, 'gpt-4o', NULL, NULL), (1, NULL, '', 'gpt-4o', 400, 50000000000), "
        "(2, NULL, 'u', 'gpt_4o', 399, NULL)"
    )
    read = parse_filter(text)
    condition = where_sql(read, "requests")
    chosen = told(database, f"SELECT seq FROM requests WHERE {condition}")
    assert {row["seq"] for row in chosen} == passing
    rows = map(plain, told(database, "SELECT * FROM requests"))
    assert {row["seq"] for row in rows if plain_subject("requests", row).passes(read)} == passing


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_filter_and_one_about_other_rows(table):
    assert where_sql(parse_filter(""), table) == "TRUE"
    assert where_sql(parse_filter("err>5% -rule:x"), table) == "TRUE"


def test_a_field_that_nothing_has():
    assert where_sql(parse_filter("nothing:1"), "logs") == "FALSE"
    assert where_sql(parse_filter("-nothing:1"), "logs") == "NOT TRUE"


def test_nothing_is_slow_without_a_limit():
    assert where_sql(parse_filter("slow"), "requests") == "(FALSE)"


def test_every_column_is_in_the_schema():
    for table in TABLES:
        assert set(KINDS[table].fields) <= {column.name for column in schema.TABLES[table]}


@settings(deadline=None)
@given(st.text())
def test_a_literal_reads_back(database, text):
    assert database.execute(f"SELECT {literal(text)}").fetchone() == (text,)


def test_nothing_typed_ends_the_literal():
    condition = where_sql(parse_filter("model:x';DROP--"), "requests")
    assert re.sub(r"'(?:[^']|'')*'", "", condition).count("DROP") == 0
