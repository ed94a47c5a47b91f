"""Lines of the log: levels, what is asked of the store, and what is shown."""

import duckdb
import pytest
from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, busy_snapshot
from support.viewer_data import SECOND_NS
from support.viewer_requests import level_rows, log_row, table_of

from llmmon.errors import SchemaError
from llmmon_collector.store import schema
from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.drawing.table import cell_text
from llmmon_tui.fleet.answers import check_rows_only, merge_query, merge_sums
from llmmon_tui.panels import logquestions, logs
from llmmon_tui.panels.loglevel import THRESHOLDS, class_of, level_severity, next_threshold
from llmmon_tui.severity import Severity
from llmmon_tui.view import View


def answered(rows=None, levels=None, view=None, error=""):
    """The picture after the store told these lines and counts, or an error."""
    model = model_of(busy_snapshot(), view)
    for question in model.questions_due(questions("", view), AT_NS):
        rows_told = rows if question.name == logquestions.LINES else levels
        if rows_told is not None or error:
            value = None if error else question.parse(table_of(rows_told))
            model.answer(question, None, value, error, AT_NS)
    return model.picture(AT_NS)


def questions(threshold="", view=None):
    return logquestions.questions(picture_of(busy_snapshot(), view), threshold)


def said(picture, threshold=""):
    return "  ".join(filter(None, (one.text for one in logs.summary(picture, threshold))))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("CRITICAL", "ERROR"),
        ("error", "ERROR"),
        ("Warn", "WARNING"),
        ("NOTICE", "INFO"),
        (None, "INFO"),
        ("TRACE", "DEBUG"),
    ],
)
def test_levels_are_of_four_classes(level, expected):
    assert class_of(level) == expected


def test_levels_have_a_severity():
    found = [level_severity(level) for level in ("FATAL", "WARNING", "INFO")]
    assert found == [Severity.CRITICAL, Severity.WARNING, Severity.OK]


def test_the_threshold_goes_round():
    threshold, seen = "", []
    for _ in THRESHOLDS:
        threshold = next_threshold(threshold)
        seen.append(threshold)
    assert seen == ["INFO", "WARNING", "ERROR", ""]


@pytest.fixture
def database():
    with duckdb.connect(":memory:") as connection:
        for statement in schema.ddl():
            connection.execute(statement)
        yield connection


def store(database, message, age_s=1, **fields):
    time_ns = AT_NS - age_s * SECOND_NS
    row = {"message": message, "time_ns": time_ns, "level": "INFO"} | fields
    marks = ", ".join(["?"] * len(row) + [f"make_timestamp({time_ns // 1000})"])
    statement = f"INSERT INTO logs ({', '.join([*row, 'time'])}) VALUES ({marks})"
    database.execute(statement, list(row.values()))


def ask(database, question):
    cursor = database.execute(question.params["sql"])
    columns = [column[0] for column in cursor.description]
    rows = [list(row) for row in cursor.fetchall()]
    return question.parse({"columns": columns, "rows": rows, "truncated": False})


def messages(database, threshold="", view=None):
    return [line.message for line in ask(database, questions(threshold, view)[0])]


def test_the_newest_lines_of_the_window_from_a_level_up(database):
    for age_s, level in enumerate(("DEBUG", "info", "odd", None, "WARN", "ERROR", "FATAL")):
        store(database, str(level), age_s, level=level)
    store(database, "older", 301)
    everything = ["DEBUG", "info", "odd", "None", "WARN", "ERROR", "FATAL"]
    assert messages(database) == everything
    assert messages(database, "INFO") == everything[1:]
    assert messages(database, "WARNING") == everything[4:]
    assert messages(database, "ERROR") == everything[5:]


def test_the_filter_and_the_group_are_asked_for(database):
    store(database, "timeout one", level="WARNING", service="a", request_id="r1")
    store(database, "timeout two", level="INFO", service="a")
    store(database, "timeout three", level="WARNING", service="b")
    assert messages(database, view=View(filter="level:warning timeout")) == [
        "timeout one",
        "timeout three",
    ]
    assert messages(database, view=View(where={"service": "b"})) == ["timeout three"]
    database.execute(
        "INSERT INTO requests (id, model, time) VALUES ('r1', 'gpt-4o', make_timestamp(?))",
        [AT_NS // 1000],
    )
    narrowed = View(where={"service": "a", "model": "gpt-4o"})
    assert messages(database, view=narrowed) == ["timeout one"]


def test_counts_by_level_and_step(database):
    store(database, "a", 1, level="ERROR")
    store(database, "b", 1, level="critical")
    store(database, "c", 150)
    counts = ask(database, questions()[1])
    assert (counts.total(("ERROR",)), counts.total()) == (2, 3)
    assert sum(counts.counts["ERROR"][-2:]) == 2
    assert counts.step_s == 5.0


def test_lines_that_are_alike_keep_their_own_keys():
    rows = [log_row(1), log_row(1), log_row(2)]
    lines = logquestions.parse_logs(table_of(rows))
    assert len({line.key for line in lines}) == 3
    later = logquestions.parse_logs(table_of([log_row(0), *rows]))
    assert [line.key for line in later[1:]] == [line.key for line in lines]


def test_lines_without_a_time_and_other_shapes():
    assert logquestions.parse_logs(table_of([log_row(1, time_ns=None)])) == ()
    with pytest.raises(SchemaError, match="query"):
        logquestions.parse_logs({"columns": 1})


def test_lines_and_counts_of_several_collectors_are_one_list():
    lines, levels = questions()
    check_rows_only(lines.params["sql"])
    some, others = ([log_row(n) for n in range(start, 500, 2)] for start in (0, 1))
    both = merge_query([("a", table_of(some)), ("b", table_of(others))], lines.params["limit"])
    times = [line.time_ns for line in lines.parse(both)]
    assert times == [log_row(n)["time_ns"] for n in range(logquestions.MOST)]
    told = [("a", table_of(level_rows())), ("b", table_of(level_rows()))]
    counted = levels.parse(merge_sums(told, levels.merge))
    assert counted.total() == 2 * levels.parse(table_of(level_rows())).total()


def test_rows_have_glyph_word_and_ink():
    picture = answered([log_row(5), log_row(3), log_row(0, level="DEBUG")])
    rows = logs.log_rows(picture)
    assert [row.severity for row in rows] == [Severity.OK, Severity.WARNING, Severity.CRITICAL]
    assert [row.cells[1].ink for row in rows] == ["muted", "warning", "critical"]
    assert cell_text(rows[1].cells[4]).startswith("line 3: upstream timeout")


def test_foreign_text_is_cleaned():
    message = "a\x1b]0;title\x07b\u202ec\nd\x00"
    picture = answered([log_row(0, message=message, logger="l\u2067g", level="x\x1b[1m")])
    (row,) = logs.log_rows(picture)
    assert [cell_text(row.cells[place]) for place in (1, 3, 4)] == ["x", "lg", "abc d"]
    whole = "".join(line_text(line) for line in logs.record_lines(logs.log_lines(picture)[0], 40))
    assert not {"\x1b", "\x07", "\u202e", "\x00"} & set(whole)


def test_what_the_table_says_without_rows():
    waiting = picture_of(busy_snapshot())
    assert logs.empty_text(waiting, "", "?") == logs.ASKING
    assert logs.empty_text(answered(error="too slow"), "", "?") == "too slow"
    assert logs.empty_text(answered([]), "", "?") == "no log line in 5m"
    filtered = answered([], view=View(filter="zz"))
    told = logs.empty_text(filtered, "ERROR", "?")
    assert told == "no line of ERROR or worse passes the filter /zz in 5m"
    assert logs.empty_text(picture_of(None), "", "connecting") == "connecting"


def test_the_summary_counts_by_level():
    picture = answered([log_row(0)], level_rows())
    assert said(picture).startswith("1 line in 5m  all levels  ✖ 7 error  ▲ 30 warning  1.6k info")
    many = answered([log_row(number) for number in range(logquestions.MOST)], level_rows())
    assert said(many).startswith("newest 300 of 1,672 lines in 5m  all levels")
    assert said(many, "WARNING").startswith("newest 300 of 300 lines in 5m  warning and worse")
    assert said(answered([log_row(0)])) == "1 line in 5m  all levels"


def test_counts_over_time_have_a_row_a_level():
    picture = answered([], level_rows())
    lines = [line_text(line) for line in logs.heat_lines(picture, 120)]
    assert [line.split()[0] for line in lines] == ["✖", "▲", "info", "debug"]
    assert "peak 7 in 5s" in lines[0]
    assert lines[0].count("█") == 1
    assert not {"█", "peak"} & set(lines[3].split())
    assert logs.heat_lines(picture_of(busy_snapshot()), 120) == []


@pytest.mark.parametrize("width", [30, 38, 71, 72, 78, 118, 198])
def test_counts_over_time_fit(width):
    lines = logs.heat_lines(answered([], level_rows()), width)
    assert {line_width(line) for line in lines} == {width}


def test_a_record_tells_all_fields():
    picture = answered([log_row(5, tags='{"team": "x"}')])
    line = logs.line_of(picture, logs.log_rows(picture)[0].key)
    whole = "\n".join(line_text(one) for one in logs.record_lines(line, 60))
    for part in ("✖ ERROR", "line 5", "app.chat", "retriever", "web-1", "prod", '"team"'):
        assert part in whole
    assert logs.line_of(picture, "gone") is None


def test_the_requests_that_lines_speak_of():
    rows = [log_row(0), log_row(1), log_row(2, trace_id="t"), log_row(3), log_row(0)]
    assert logs.spoken_of(answered(rows)) == ["req-0000", "t", "req-0003"]
