"""What is sent makes a terminal emulator show what Textual wanted, whatever it showed before."""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import get_character_cell_size

from llmmon_tui.frames import NARROW, parse_frame
from llmmon_tui.mirror import Mirror
from llmmon_tui.pen import change_ink, split_ink

WIDTH, HEIGHT = 24, 5
INKS = ["", "1", "38;2;200;10;10", "1;38;2;1;2;3;48;2;9;9;9", "48;2;9;9;9", "3;31", "7", "38;5;7"]
TEXTS = st.text(st.sampled_from("ab─⠿▸ xyé█漢字あ"), min_size=1, max_size=9)
RUNS = st.tuples(
    st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 9), st.sampled_from(INKS), TEXTS
)


def painted(runs):
    """As Textual writes it; a run that would leave the screen is cut."""
    parts = []
    for y, x, ink, whole_text in runs:
        text = whole_text
        while sum(map(get_character_cell_size, text)) > WIDTH - x:
            text = text[:-1]
        parts.append(f"\x1b[{y + 1};{x + 1}H" + (f"\x1b[{ink}m{text}\x1b[0m" if ink else text))
    return "".join(parts) + "\x1b[1;1H"


class Emulator:
    def __init__(self):
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)

    def cells(self):
        rows = (self.screen.buffer[y] for y in range(HEIGHT))
        return [[tuple(row[x]) for x in range(WIDTH)] for row in rows]


def whole(runs):
    """A frame that paints every cell first, as Textual's first does."""
    return [(y, 0, "48;2;9;9;9", " " * WIDTH) for y in range(HEIGHT)] + list(runs)


@given(st.lists(st.lists(RUNS, max_size=6), min_size=1, max_size=6), st.integers(1, 200))
@settings(deadline=None)
def test_the_terminal_comes_to_show_the_last_frame(frames, room):
    mirror, follows, direct = Mirror(), Emulator(), Emulator()
    for runs in [whole(frames[0]), *frames[1:]]:
        text = painted([run for run in runs if NARROW.fullmatch(run[3])])
        direct.stream.feed(text)
        mirror.want(parse_frame(text))
        follows.stream.feed(mirror.take(room))
    while mirror.pending:
        follows.stream.feed(mirror.take(room))
    assert follows.cells() == direct.cells()


@given(
    st.lists(st.dictionaries(st.integers(0, HEIGHT - 1), st.tuples(st.sampled_from(INKS), TEXTS))),
    st.integers(1, 200),
)
@settings(deadline=None)
def test_lines_with_wide_characters_come_to_be_as_wanted(frames, room):
    """Whole lines: Textual never leaves half of a wide character."""
    mirror, follows, direct = Mirror(), Emulator(), Emulator()
    for lines in [dict.fromkeys(range(HEIGHT), ("", " ")), *frames]:
        runs = []
        for y, (ink, text) in lines.items():
            width = sum(map(get_character_cell_size, text))
            runs += [(y, 0, ink, text), (y, width, "", "." * (WIDTH - width))]
        direct.stream.feed(painted(runs))
        mirror.want(parse_frame(painted(runs)))
        follows.stream.feed(mirror.take(room))
    while mirror.pending:
        follows.stream.feed(mirror.take(room))
    assert follows.cells() == direct.cells()


@given(st.sampled_from(INKS), st.sampled_from(INKS))
def test_an_ink_follows_any_other(before, after):
    changed, anew = Emulator(), Emulator()
    changed.stream.feed(f"\x1b[{before}m" + change_ink(before, after) + "x")
    anew.stream.feed(f"\x1b[{after}mx")
    assert changed.cells()[0][0] == anew.cells()[0][0]
    assert change_ink(None, after).startswith("\x1b[0;" if after else "\x1b[m")


def test_only_a_changed_ground_is_told():
    assert change_ink("1;38;2;1;1;1;48;2;2;2;2", "1;38;2;1;1;1;48;2;3;3;3") == "\x1b[48;2;3;3;3m"
    assert split_ink("1;3;38;5;7;101") == ("1;3", "38;5;7", "101")


@pytest.fixture
def mirror():
    mirror = Mirror()
    mirror.want(parse_frame(painted(whole([(1, 0, "", "requests 10"), (3, 0, "1", "latency")]))))
    mirror.take(1e9)
    return mirror


def test_what_is_shown_is_not_sent_again(mirror):
    mirror.want(parse_frame(painted([(1, 0, "", "requests 10"), (3, 0, "1", "latency")])))
    assert mirror.pending == 0
    assert mirror.take(1e9) == ""


def test_only_changed_cells_are_sent(mirror):
    mirror.want(parse_frame(painted([(1, 0, "", "requests 11")])))
    assert mirror.take(1e9) == "\x1b[2;11H1"


def test_what_was_never_seen_is_never_sent(mirror):
    for number in range(20, 30):
        mirror.want(parse_frame(painted([(1, 0, "", f"requests {number}")])))
    assert mirror.pending == 1
    assert mirror.take(1e9) == "\x1b[2;10H29"


def test_what_turned_back_is_not_sent(mirror):
    mirror.want(parse_frame(painted([(1, 0, "", "requests 11")])))
    mirror.want(parse_frame(painted([(1, 0, "", "requests 10")])))
    assert mirror.pending == 0


def test_lines_of_a_key_go_first_until_the_next_key(mirror):
    mirror.want(parse_frame(painted([(1, 0, "", "requests 11")])))
    mirror.want(parse_frame(painted([(3, 0, "1", "LATENCY")])), first=True)
    assert mirror.has_first
    assert "LATENCY" in mirror.take(1)
    assert not mirror.has_first
    assert mirror.pending == 1
    mirror.want(parse_frame(painted([(3, 0, "1", "latency")])), first=True)
    mirror.demote()
    assert not mirror.has_first


def test_changed_text_goes_before_changed_colours(mirror):
    mirror.want(parse_frame(painted([(1, 0, "7", "requests 10"), (3, 0, "1", "Latency")])))
    assert mirror.take(1) == "\x1b[4H\x1b[1mL\x1b[m"


def test_after_a_wide_character_the_next_place_is_told():
    mirror = Mirror()
    mirror.want(parse_frame("\x1b[1;1H漢字ab\x1b[1;1H"))
    assert mirror.take(1e9) == "\x1b[1H漢\x1b[1;3H字\x1b[1;5Hab"


def test_a_line_that_a_wide_character_changes_in_is_written_whole():
    """A terminal may have put what follows elsewhere."""
    mirror = Mirror()
    mirror.want(parse_frame("\x1b[1;1H漢ab cdef g\x1b[1;1H"))
    mirror.take(1e9)
    mirror.want(parse_frame("\x1b[1;1H字ab cdef h\x1b[1;1H"))
    assert mirror.take(1e9) == "\x1b[1H字\x1b[1;3Hab cdef h"


def test_what_lies_beyond_the_edges_is_not_painted():
    """A frame for a larger terminal would be squeezed into the last line and column."""
    mirror = Mirror(4, 2)
    mirror.want(parse_frame("\x1b[1;1Habcdef\x1b[2;1Habc漢\x1b[3;1Habc\x1b[1;1H"))
    assert mirror.take(1e9) == "\x1b[1Habcd\x1b[2Habc "
    mirror.clear(5, 3)
    mirror.want(parse_frame("\x1b[3;1Habcdef\x1b[1;1H"))
    assert mirror.take(1e9) == "\x1b[3Habcde"


@pytest.mark.parametrize("data", ["", "\x1b[?25h", "abc", "\x1b[1;1Ha\x07", "\x1b[1;1H\x1b[2J"])
def test_what_is_no_frame_is_none(data):
    assert parse_frame(data) is None


def test_characters_taken_for_narrow_are():
    for code in range(0x3000):
        if NARROW.fullmatch(chr(code)):
            assert get_character_cell_size(chr(code)) == 1, hex(code)
