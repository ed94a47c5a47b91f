"""The row of screens, at every width."""

import pytest
from textual.app import App

from llmmon_tui.places import PLACES
from llmmon_tui.widgets.nav import Nav


class NavApp(App):
    def __init__(self, chosen, counts):
        super().__init__()
        self.nav = Nav(chosen)
        self.counts = counts
        self.chosen = []

    def compose(self):
        yield self.nav

    def on_mount(self):
        self.nav.set_counts(self.counts)

    def on_nav_chosen(self, event):
        self.chosen.append(event.place)


def told(nav, width):
    (line,) = nav.draw_lines(width, 1)
    return "".join(text for text, _ in line)


@pytest.mark.parametrize("chosen", [place.id for place in PLACES])
def test_at_every_width_the_chosen_one_has_its_name(chosen):
    nav = Nav(chosen)
    title = next(f"{at} {one.title}" for at, one in enumerate(PLACES, 1) if one.id == chosen)
    for width in range(201):
        text = told(nav, width)
        assert len(text) <= width
        if width >= 40:
            assert f"[{title}]" in text
            assert all(str(digit) in text for digit in range(1, 9))


def test_the_wide_form_names_them_all():
    text = told(Nav("cost"), 120)
    assert text.rstrip() == (
        " 1 Overview 2 Models 3 Requests[4 Cost]5 Quality 6 Alerts 7 Health 8 Logs"
    )


def test_the_short_form_has_digits():
    assert told(Nav("cost"), 40).rstrip() == " 1 2 3[4 Cost]5 6 7 8"


@pytest.mark.parametrize(("width", "shown"), [(120, "6 Alerts(3) "), (40, "6(3) ")])
async def test_counts(width, shown):
    app = NavApp("overview", {"alerts": "3"})
    async with app.run_test(size=(width, 3)) as pilot:
        await pilot.pause()
        assert shown in told(app.nav, width)


@pytest.mark.parametrize("width", [120, 80, 40])
@pytest.mark.parametrize("place", range(len(PLACES)))
async def test_a_click_chooses(width, place):
    app = NavApp("quality", {"alerts": "12"})
    async with app.run_test(size=(width, 3)) as pilot:
        text = told(app.nav, width)
        await pilot.click(app.nav, offset=(text.index(str(place + 1)), 0))
        assert app.chosen == [place]


async def test_a_click_beside_chooses_nothing():
    app = NavApp("quality", {})
    async with app.run_test(size=(120, 3)) as pilot:
        await pilot.click(app.nav, offset=(110, 0))
        await pilot.click(app.nav, offset=(0, 0))
        assert app.chosen == []
