"""The tables of keys in the documentation."""

import pytest

from llmmon_tui.keyreference import BEGIN, END, key_reference, with_reference
from llmmon_tui.keys import FIXED, KEYS, Key
from llmmon_tui.places import PLACES

OWN = Key("drill", "d,enter", "d", "drill", "Logs: what makes it up", "screen")
ACTING = Key("all", "A", "A", "all", "Alerts: take on all", "screen", acts=True)


def test_every_key_has_its_row():
    lines = key_reference({}, {})
    for key in KEYS:
        keys = ", ".join(f"`{one}`" for one in key.spelled.split(", "))
        assert any(line.startswith(f"| {keys} | ") for line in lines)
    for keys, meaning in FIXED:
        assert any(f"`{keys.split(', ')[0]}`" in line and meaning in line for line in lines)


def test_keys_of_one_screen_are_told_without_its_name():
    lines = key_reference({"Logs": (OWN,), "Alerts": (ACTING,)}, {})
    assert "| `d`, `enter` | What makes it up | Logs |" in lines
    assert "| `A` | Take on all † | Alerts |" in lines


def test_a_common_key_names_the_screens_that_carry_it_out():
    offers = {"models": frozenset({"group"}), "overview": frozenset({"group"})}
    lines = key_reference({}, offers)
    assert "| `g` | Group by the next dimension | Overview, Models |" in lines
    assert "| `s` | Sort by the next column; past the last: automatic |  |" in lines


def test_no_cell_breaks_its_table():
    for line in key_reference({"Logs": (OWN,)}, {}):
        if line.startswith("|"):
            assert line.count("|") == 4


def test_what_acts_is_marked():
    lines = key_reference({}, {place.id: frozenset() for place in PLACES})
    assert {line[3] for line in lines if "†" in line} == {"a", "m"}


def test_a_page_keeps_what_is_around():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_reference(page, ["| new |"])
    assert once == f"before\n{BEGIN}\n\n| new |\n\n{END}\nafter\n"
    assert with_reference(once, ["| new |"]) == once


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}"])
def test_a_page_without_the_marks(page):
    with pytest.raises(ValueError, match="the page lacks"):
        with_reference(page, [])
