"""SLOs and budgets: figures, the strip on the overview, the sheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import picture_of
from support.snapshots import AT_NS, budget, burning_slo, busy_snapshot, empty_snapshot, slo

from llmmon_tui.drawing.lines import line_text, line_width
from llmmon_tui.panels import budgets, slos
from llmmon_tui.panels.objectives import objective_lines, strip_height, strip_lines
from llmmon_tui.severity import to_ascii

HOUR_S = 3600
HOUR_NS = HOUR_S * 10**9
IDLE = {"attained": None, "total_events": 0, "good_events": 0, "budget_left": None}
OVERSPENT = {"attained": 0.99865, "budget_left": -0.35, "exhausted_in_s": 0.0}


def sheet(width=110, **changes):
    return texts(objective_lines(picture_of(busy_snapshot(**changes)), width))


def strip(width=200, **changes):
    return texts(strip_lines(picture_of(busy_snapshot(**changes)), width))


def texts(lines):
    return [line_text(line).rstrip() for line in lines]


def row_of(lines, name):
    return next(line for line in lines if name in line)


def squeezed(line):
    return " ".join(line.split())


@pytest.mark.parametrize(
    ("attained", "objective", "text"),
    [
        (0.9992, 0.999, "99.92%"),
        (0.99899, 0.999, "99.89%"),
        (0.9999999, 0.999, "99.99%"),
        (1.0, 0.999, "100%"),
        (0.0, 0.9, "0.00%"),
        (0.9731, 0.95, "97.31%"),
        (0.999894, 0.9999, "99.989%"),
    ],
)
def test_what_is_attained_never_reads_better_than_it_is(attained, objective, text):
    assert slos.attained_text(slo(attained=attained, objective=objective)) == text


@given(st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]))
def test_a_miss_never_reads_like_the_objective(attained, objective):
    shown = float(slos.attained_text(slo(attained=attained, objective=objective))[:-1])
    if attained < objective - 1e-9:
        assert shown < objective * 100
    assert shown <= attained * 100 + 1e-6


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (1.0, "100%"),
        (0.6199, "61%"),
        (0.004, "<1%"),
        (0.0, "none"),
        (-0.35, "35% over"),
        (-0.001, "<1% over"),
        (-41.0, "4.1k% over"),
        (None, "—"),
    ],
)
def test_what_is_left_of_an_error_budget(left, text):
    assert slos.left_text(slo(budget_left=left)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exhausted_in_s": None}, "lasts"),
        ({"exhausted_in_s": 99 * HOUR_S}, "4d03h"),
        ({"exhausted_in_s": 45 * 24 * HOUR_S}, "lasts"),
        ({"exhausted_in_s": 0.0}, "spent"),
        ({"budget_left": -0.2}, "spent"),
        (IDLE, "—"),
    ],
)
def test_when_an_error_budget_runs_out(changes, text):
    assert slos.out_text(slo(**changes)) == text


def test_objectives_worst_first():
    shown = (
        slo(name="fine"),
        slo(name="idle", **IDLE),
        slo(name="over", **OVERSPENT),
        burning_slo(name="pages"),
        slo(name="warns", severity="warning", budget_left=0.9),
    )
    names = [one.name for one in slos.worst_slos(shown)]
    assert names == ["pages", "warns", "over", "fine", "idle"]


def test_a_table_of_objectives_with_their_burn_rates():
    lines = sheet(slos=(slo(), burning_slo(name="gateway", labels={"model": "gpt-4o"})))
    assert lines[0].startswith("SLOs  1 of 2 alerting ──")
    assert squeezed(lines[1]) == (
        "objective attained goal err budget left runs out 5m 30m 1h 2h 6h 1d 3d"
    )
    assert squeezed(lines[2]) == (
        "✖ gateway gpt-4o 99.92% 99.9% ▕██░░░░░░▏ 20% 9h15m 72 31.2 16.3 9.10 3.40 1.40 0.80"
    )
    assert "952 bad of 1.2M  good: error is None" in lines[3]
    assert "burn" not in lines[3]


def test_a_narrower_table_tells_the_burn_rates_underneath():
    lines = sheet(76, slos=(burning_slo(),))
    assert lines[2].split()[:3] == ["✖", "chat-availability", "99.92%"]
    assert lines[3].strip().startswith("burn 5m 72  30m 31.2  1h 16.3  2h 9.10")


def test_without_events_nothing_is_claimed():
    line = row_of(sheet(slos=(slo(**IDLE, burn_rates={"1h": None}),)), "chat-availability")
    assert squeezed(line) == "chat-availability no events 99.9% — — —"
    assert "no events in 30d" in strip(slos=(slo(**IDLE),))[0]


def test_a_short_past_is_told():
    young = (slo(covered_s=3 * HOUR_S),)
    for width in (110, 76, 36):
        assert any("3h of 30d known" in line for line in sheet(width, slos=young))
    assert "3h of 30d known" in strip(slos=young)[0]
    assert not any("known" in line for line in sheet(slos=(slo(),)))


def test_overspending_is_told_in_words():
    over = (slo(**OVERSPENT),)
    assert "▕░░░░░░░░▏ ▲35% over    spent" in row_of(sheet(slos=over), "chat-availability")
    assert "35% over  1h burn 0.40  spent" in strip(slos=over)[0]
    assert "99.86% of 99.9%  ▕░░░░░▏ 35% over" in "\n".join(sheet(36, slos=over))


def test_on_a_narrow_screen_each_takes_a_few_lines():
    lines = sheet(36, slos=(burning_slo(),), budgets=(budget(),))
    assert lines == [
        "SLOs  1 of 1 alerting ──────────────",
        "✖ chat-availability",
        "  99.92% of 99.9%  ▕█░░░░▏ 20% left",
        "  spent in 9h15m  5m 72  30m 31.2",
        "",
        "budgets  0 of 1 alerting ───────────",
        "  all-models",
        "  $3.1k of $5k/month  ▕███░░▏  62%",
        "  forecast $4.0k  lasts",
    ]


def test_how_to_add_one_is_told_where_there_is_none():
    text = "\n".join(sheet(36, slos=(), budgets=()))
    for part in ("No objectives", "[[slo]]", "objective = 0.999", "No budgets", "[[budget]]"):
        assert part in text
    assert "not known yet" in texts(objective_lines(picture_of(None), 60))[0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"spent_usd": 812.0, "limit_usd": 1000.0}, "81%"),
        ({"spent_usd": 999.99, "limit_usd": 1000.0}, "99%"),
        ({"spent_usd": 1320.5, "limit_usd": 1000.0}, "132%"),
        ({"spent_usd": 0.0}, "0%"),
        ({"spent_usd": 0.01}, "<1%"),
        ({"spent_usd": 90_000.0}, ">999%"),
        ({"spent_usd": 1.0, "limit_usd": 0.0}, "over"),
        ({"spent_usd": 0.0, "limit_usd": 0.0}, "—"),
        ({"spent_usd": 0.0, "unpriced_requests": 3}, "—"),
    ],
)
def test_what_is_used_of_a_budget(changes, text):
    assert budgets.used_text(budget(**changes)) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exhausted_ns": AT_NS + 4 * HOUR_NS}, "in 4h"),
        ({"exhausted_ns": AT_NS - 26 * HOUR_NS}, "26h ago"),
        ({}, "lasts"),
        ({"forecast_usd": None}, "—"),
    ],
)
def test_when_a_budget_runs_out(changes, text):
    assert budgets.out_text(budget(**changes), AT_NS) == text


def test_a_table_of_budgets():
    lines = sheet()
    start = next(at for at, line in enumerate(lines) if line.startswith("budgets"))
    assert lines[start].startswith("budgets  1 of 2 alerting")
    assert squeezed(lines[start + 2]) == (
        "▲ by-provider openai $162.40+ $200 ▕█████░▏ 81% ▲$311.80 in 4h in 18h $8.30"
    )
    assert lines[start + 3].strip() == "61 unpriced, not counted"
    assert squeezed(lines[start + 4]) == (
        "all-models $3.1k $5k ▕████░░▏ 62% $4.0k lasts in 6d $5.41"
    )


def test_unpriced_requests_are_never_free():
    unpriced = budget(spent_usd=0.0, unpriced_requests=4, forecast_usd=None)
    text = "\n".join(sheet(budgets=(unpriced,)))
    assert "$?" in text
    assert "0%" not in row_of(sheet(budgets=(unpriced,)), "all-models")
    assert "4 unpriced, not counted  too little is known for a forecast" in text
    assert "$? of $5k/month" in strip(budgets=(unpriced,))[1]


def test_budgets_worst_first():
    shown = (
        budget(name="half"),
        budget(name="ends-over", forecast_usd=9000.0),
        budget(name="warned", severity="warning", spent_usd=1.0),
        budget(name="free", limit_usd=0.0, spent_usd=0.0, forecast_usd=0.0),
    )
    names = [one.name for one in budgets.worst_budgets(shown)]
    assert names == ["warned", "ends-over", "half", "free"]


def test_the_strip_has_the_worst_in_full_and_counts_what_has_no_room():
    many = (burning_slo(name="gateway"), *(slo(name=f"slo-{number}") for number in range(20)))
    [slo_line, budget_line] = strip(120, slos=many)
    assert slo_line.split("  ")[0] == "slo"
    for part in ("✖ gateway", "99.92% of 99.9%", "20% left", "1h burn 16.3", "spent in 9h15m"):
        assert part in slo_line
    assert slo_line.endswith("slo-0 61% left  +19 more")
    for part in ("▲ by-provider openai", "$162.40+ of $200/day", "81%", "▲forecast $311.80"):
        assert part in budget_line
    assert strip(90, slos=many)[0].endswith("+20 more")


def test_the_strip_is_as_high_as_there_are_kinds():
    assert strip_height(picture_of(busy_snapshot())) == 2
    assert strip_height(picture_of(busy_snapshot(slos=()))) == 1
    assert strip_height(picture_of(empty_snapshot())) == 0
    assert strip_height(picture_of(None)) == 0
    assert strip_lines(picture_of(None), 80) == []


figures = st.none() | st.floats(allow_nan=True)
names = st.text(max_size=40)


@given(names, names, figures, figures, st.floats(-1, 1e9), st.integers(1, 160))
def test_any_view_fits_any_width(name, label, attained, left, covered_s, width):
    shown = slo(
        name=name,
        labels={"model": label},
        attained=attained,
        budget_left=left,
        exhausted_in_s=left,
        covered_s=covered_s,
        burn_rates={name: left, "1h": attained},
        severity=label,
    )
    spent = budget(name=name, labels={"model": label}, forecast_usd=left, period=label)
    picture = picture_of(busy_snapshot(slos=(shown,), budgets=(spent,)), rows=False)
    lines = [*objective_lines(picture, width), *strip_lines(picture, width)]
    assert {line_width(line) for line in lines} == {width}


def test_ascii_says_the_same():
    shown = (slo(**OVERSPENT), burning_slo())
    for line in sheet(slos=shown) + strip(slos=shown):
        plain = to_ascii(line)
        assert plain.isascii()
        assert len(plain) == len(line)
