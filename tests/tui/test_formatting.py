import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text
from textual.content import Content

from llmmon_tui import formatting
from llmmon_tui.formatting import clean, fit, strip_controls


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, "0ms"),
        (0.4, "0.4ms"),
        (812, "812ms"),
        (999.6, "1.00s"),
        (3410, "3.41s"),
        (9996, "10.0s"),
        (34_100, "34.1s"),
        (59_990, "1m00s"),
        (125_000, "2m05s"),
        (3_599_900, "1h00m"),
        (4_320_000, "1h12m"),
        (4 * 86_400_000 + 3 * 3_600_000, "4d03h"),
    ],
)
def test_duration(ms, expected):
    assert formatting.duration(ms) == expected


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (0, "$0"),
        (0.00001, "<$.0001"),
        (0.0042, "$0.0042"),
        (0.25, "$0.250"),
        (0.9996, "$1.00"),
        (38.1, "$38.10"),
        (999.999, "$1.0k"),
        (1234, "$1.2k"),
        (2_500_000, "$2.5M"),
        (-38.1, "-$38.10"),
    ],
)
def test_money(usd, expected):
    assert formatting.money(usd) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (612, "612"),
        (999.7, "1.0k"),
        (1900, "1.9k"),
        (99_960, "100k"),
        (192_000, "192k"),
        (999_990, "1.0M"),
        (2e6, "2.0M"),
    ],
)
def test_count(value, expected):
    assert formatting.count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.42, "0.42"),
        (5, "5.00"),
        (9.996, "10.0"),
        (11, "11.0"),
        (41.23, "41.2"),
        (412.3, "412"),
    ],
)
def test_rate(value, expected):
    assert formatting.rate(value) == expected


@pytest.mark.parametrize(
    ("name", "beside", "width", "expected"),
    [
        ("gpt-4o", "openai", 20, "gpt-4o  openai      "),
        (
            "meta-llama/Llama-2-7b-chat-hf",
            "together",
            40,
            "meta-llama/Llama-2-7b-chat-hf  together ",
        ),
        ("meta-llama/Llama-2-7b-chat-hf", "together", 30, "Llama-2-7b-chat-hf  together  "),
        ("meta-llama/Llama-2-7b-chat-hf", "together", 20, "Llama-…at-hf  toget…"),
        ("gpt-4o", "azure-openai-eu", 20, "gpt-4o  azure-opena…"),
        ("claude-sonnet-4-5", "anthropic", 26, "claude-sonnet-4-5  anthro…"),
        ("high_error_rate", "openai/gpt-4o", 17, "high_error_rate  "),
        ("gpt-4o", "openai", 13, "gpt-4o  open…"),
        ("meta-llama/Llama-2-7b-chat-hf", "", 20, "Llama-2-7b-chat-hf  "),
        ("a/b/", "", 3, "a/…"),
        ("model", "provider", 5, "model"),
    ],
)
def test_a_name_keeps_what_tells_it_from_others(name, beside, width, expected):
    assert formatting.fit_name(name, beside, width) == expected


def test_long_names_of_one_family_stay_apart():
    names = [f"model-with-a-very-long-name-{n}" for n in (1, 2)]
    assert [formatting.fit_middle(name, 20) for name in names] == [
        "model-with…ng-name-1",
        "model-with…ng-name-2",
    ]


@given(st.text(max_size=30), st.integers(0, 40))
def test_a_name_cut_in_its_middle_has_the_exact_width(name, width):
    assert formatting.width_of(formatting.fit_middle(name, width)) == width


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 40))
def test_a_name_has_the_exact_width(name, beside, width):
    assert formatting.width_of(formatting.fit_name(name, beside, width)) == width


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0%"),
        (0.00001, "<0.01%"),
        (0.0004, "0.04%"),
        (0.072, "7.2%"),
        (0.381, "38.1%"),
        (0.9999, "100%"),
        (2.5, "250%"),
        (-0.072, "-7.2%"),
    ],
)
def test_ratio(value, expected):
    assert formatting.ratio(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3, "0s"),
        (12.9, "12s"),
        (192, "3m12s"),
        (660, "11m"),
        (7300, "2h"),
        (47 * 3600, "47h"),
        (72 * 3600, "3d"),
    ],
)
def test_age(seconds, expected):
    assert formatting.age(seconds) == expected


INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
ALL_FORMATTERS = [
    formatting.number,
    formatting.count,
    formatting.rate,
    formatting.score,
    formatting.ratio,
    formatting.duration,
    formatting.age,
    formatting.money,
    formatting.axis_number,
    formatting.axis_duration,
    formatting.axis_money,
    formatting.axis_ratio,
]


@pytest.mark.parametrize("formatter", ALL_FORMATTERS)
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_value_is_never_a_zero(formatter, value):
    assert formatter(value) == "—"


@pytest.mark.parametrize(
    ("formatter", "limit"),
    [
        (formatting.number, 5),
        (formatting.count, 5),
        (formatting.ratio, 6),
        (formatting.duration, 6),
        (formatting.age, 5),
        (formatting.money, 7),
    ],
)
@given(value=st.floats(0, 5e8))
def test_formatters_keep_within_their_width(formatter, limit, value):
    assert len(formatter(value)) <= limit


@pytest.mark.parametrize(
    ("formatter", "value", "expected"),
    [
        (formatting.axis_number, 0.05, ".05"),
        (formatting.axis_number, 0.5, "0.5"),
        (formatting.axis_number, 2000, "2k"),
        (formatting.axis_duration, 0, "0"),
        (formatting.axis_duration, 50, "50ms"),
        (formatting.axis_duration, 200, "0.2s"),
        (formatting.axis_duration, 5000, "5s"),
        (formatting.axis_duration, 1_200_000, "20m"),
        (formatting.axis_money, 0.05, "$.05"),
        (formatting.axis_ratio, 0.005, "0.5%"),
    ],
)
def test_ticks_are_at_most_four_cells(formatter, value, expected):
    assert formatter(value) == expected
    assert len(expected) <= 4


@given(st.text(), st.integers(0, 60), st.sampled_from(["left", "right", "center"]))
@example("模型名字很长", 4, "left")
@example("👩‍👩‍👧 ⚠️ e\u0301\u0301", 5, "right")
@example("\x1b[31mred", 3, "left")
def test_fit_is_exact_for_any_text(text, width, align):
    assert cell_len(fit(text, width, align)) == width


def test_fit_pads_and_cuts():
    assert fit("gpt-4", 7) == "gpt-4  "
    assert fit("7.2", 5, "right") == "  7.2"
    assert fit("ok", 5, "center") == " ok  "
    assert fit("summarise", 5) == "summ…"
    assert fit("模型名字", 6) == "模型… "


@given(st.text(alphabet=st.characters()))
@example("\x1b]8;;http://x\x07link\x1b]8;;\x07")
@example("\u202eevil\u202c \u2066x\u2069 \x9b31m \x00 \ud800")
def test_clean_leaves_no_control_characters(text):
    cleaned = clean(text)
    assert all(
        unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in cleaned
    )
    assert clean(cleaned) == cleaned


@given(st.text(alphabet="[]/\\bold =@#a1$\"'(", max_size=30))
@example("[bold]x[/bold]")
@example("\\[/]")
@example("[@click=app.quit]here[/]")
def test_clean_leaves_no_markup(text):
    cleaned = clean(text)
    content = Content.from_markup(cleaned)
    assert (content.plain, list(content.spans)) == (cleaned, [])
    rich_text = Text.from_markup(cleaned)
    assert (rich_text.plain, rich_text.spans) == (cleaned, [])


def test_escape_sequences_go_whole():
    assert strip_controls("\x1b[1;31mred\x1b[0m") == "red"
    assert strip_controls("\x1b]0;title\x07after") == "after"
    assert strip_controls("\x1b]52;c;aGk=\x1b\\after") == "after"
    assert strip_controls("\x1bPq#0\x1b\\after") == "after"
    assert strip_controls("a\r\n\tb") == "a   b"


def test_strip_controls_keeps_what_people_write():
    assert strip_controls("list[int] — 模型 café") == "list[int] — 模型 café"
