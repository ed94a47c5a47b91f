from llmmon_tui.drawing.legend import Entry, legend_line
from llmmon_tui.drawing.lines import line_text
from llmmon_tui.severity import Severity

P50 = Entry("p50", "series-1", "0.90s", Severity.OK, 0.9)
P95 = Entry("p95", "series-2", "2.80s", Severity.OK, 2.8)
P99 = Entry("p99", "series-3", "5.20s", Severity.WARNING, 5.2)


def test_all_fit():
    assert line_text(legend_line([P50, P95, P99], 34)) == "p50 0.90s  p95 2.80s  p99 ▲5.20s  "


def test_the_least_bad_leave_first_and_whole():
    assert line_text(legend_line([P50, P95, P99], 30)) == "p95 2.80s  p99 ▲5.20s         "
    assert line_text(legend_line([P99, P95, P50], 15)) == "p99 ▲5.20s     "


def test_a_breach_outlives_a_higher_rank():
    breach = Entry("a", "series-1", "1", Severity.CRITICAL, 0)
    assert line_text(legend_line([breach, P95], 9)) == "a ✖1     "


def test_the_last_is_cut():
    assert line_text(legend_line([P99], 6)) == "p99 ▲…"
    assert line_text(legend_line([], 4)) == "    "
