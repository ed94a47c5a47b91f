import pytest
from textual.app import App
from textual.widgets import Button, Input

from llmmon_tui.filtering import Vocabulary
from llmmon_tui.widgets.filterbar import MOST_REMEMBERED, FilterBar

VOCABULARY = Vocabulary(
    {"model": ("gpt-4o", "claude sonnet"), "route": ("/ask",)}, {"mine": "error route:/ask"}
)


class Host(App):
    def __init__(self):
        super().__init__()
        self.bar = FilterBar(
            history=["error", "model:x"], vocabulary=lambda: VOCABULARY, kinds=("requests",)
        )
        self.heard = []

    def compose(self):
        yield self.bar
        yield Button("other")

    def on_mount(self):
        self.bar.display = True
        self.bar.cursor_blink = False
        self.bar.focus()

    def on_input_changed(self, event):
        self.heard.append(event.value)

    def on_input_submitted(self, event: Input.Submitted):
        self.heard.append(("kept", event.value))

    def on_filter_bar_closed(self):
        self.heard.append("closed")


@pytest.fixture
async def pilot():
    async with Host().run_test(size=(60, 6)) as pilot:
        yield pilot


async def type_in(pilot, text):
    for letter in text:
        await pilot.press({" ": "space"}.get(letter, letter))
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def shown(pilot):
    return pilot.app.bar.render_line(0).text.rstrip()


async def test_hidden_until_asked_for():
    assert not FilterBar().display


async def test_the_placeholder_fits_40_columns(pilot):
    await pilot.resize_terminal(40, 6)
    assert shown(pilot) == pilot.app.bar.placeholder
    assert len(pilot.app.bar.placeholder) < 40


async def test_each_change_is_told_and_enter_keeps(pilot):
    await type_in(pilot, "ok")
    await pilot.press("enter")
    assert pilot.app.heard == ["o", "ok", ("kept", "ok")]


async def test_escape_clears_and_closes(pilot):
    await type_in(pilot, "o")
    await pilot.press("escape")
    assert pilot.app.heard == ["o", "", "closed"]


async def test_the_right_arrow_takes_what_is_offered(pilot):
    await type_in(pilot, "mod")
    assert shown(pilot) == "model:"
    await pilot.press("right")
    assert pilot.app.bar.value == "model:"
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert shown(pilot).startswith("model:gpt-4o")


async def test_tab_completes_and_stays(pilot):
    await type_in(pilot, "mod")
    await pilot.press("tab")
    assert pilot.app.bar.value == "model:"
    assert pilot.app.focused is pilot.app.bar
    await pilot.press("tab", "tab")
    assert pilot.app.bar.value == 'model:"claude sonnet"'
    await pilot.press("shift+tab")
    assert pilot.app.bar.value == "model:gpt-4o"
    assert pilot.app.bar.cursor_position == len("model:gpt-4o")


async def test_tab_without_anything_to_offer_stays_too(pilot):
    await type_in(pilot, "xyzzy")
    await pilot.press("tab", "shift+tab")
    assert pilot.app.bar.value == "xyzzy"
    assert pilot.app.focused is pilot.app.bar


async def test_a_saved_view(pilot):
    await type_in(pilot, "@m")
    await pilot.press("tab")
    assert pilot.app.bar.value == "error route:/ask"


async def test_up_and_down_go_through_earlier_filters(pilot):
    await type_in(pilot, "new")
    seen = []
    for key in ("up", "up", "up", "down", "down", "down"):
        await pilot.press(key)
        seen.append(pilot.app.bar.value)
    assert seen == ["model:x", "error", "error", "model:x", "new", "new"]


async def test_what_was_kept_is_remembered_once(pilot):
    bar = pilot.app.bar
    bar.value = "error"
    await pilot.press("enter")
    assert bar.history == ["model:x", "error"]
    bar.value = " "
    await pilot.press("enter")
    assert bar.history == ["model:x", "error"]
    for number in range(MOST_REMEMBERED + 5):
        bar.value = f"n{number}"
        await pilot.press("enter")
    assert len(bar.history) == MOST_REMEMBERED
    assert bar.history[-1] == f"n{MOST_REMEMBERED + 4}"


async def test_a_problem_is_shown_at_the_right_end(pilot):
    await type_in(pilot, "modle:x")
    assert shown(pilot).startswith("modle:x")
    assert shown(pilot).endswith("▲ no field modle: model?")
    await pilot.resize_terminal(16, 6)
    assert shown(pilot).endswith("▲")
    await pilot.resize_terminal(8, 6)
    assert shown(pilot) == "modle:x"


async def test_what_is_unfinished_is_no_mistake(pilot):
    await type_in(pilot, "route!=")
    assert shown(pilot).endswith("… route: no value yet")
    await type_in(pilot, "x")
    assert "no value" not in shown(pilot)


async def test_a_note_leaves_what_is_offered_in_sight(pilot):
    await pilot.resize_terminal(24, 6)
    await type_in(pilot, "model:")
    assert shown(pilot).startswith("model:gpt-4o")
    assert shown(pilot).endswith("…")
    assert "value" not in shown(pilot)


async def test_the_mistake_is_underlined(pilot):
    await type_in(pilot, "ok modle:x")
    underlined = [
        segment.text
        for segment in pilot.app.bar.render_line(0)
        if segment.style is not None and segment.style.underline
    ]
    assert "".join(underlined) == "modle:x"


async def test_without_colours_and_glyphs_it_is_told_in_ascii(pilot):
    pilot.app.add_class("-ascii")
    await type_in(pilot, "modle:x")
    assert shown(pilot).isascii()
    assert "no field modle" in shown(pilot)


async def test_pasted_controls_are_dropped(pilot):
    pilot.app.bar.value = "a\x1b[31mb"
    assert "\x1b" not in pilot.app.bar.value
