"""What the screen keeps: choices and views in the settings file, tables and pictures in files."""

import json
import os
import stat

import pytest
from support.snapshots import busy_snapshot
from support.viewer_app import app_of, filled, screen_text, serve_all, until
from support.viewer_peer import ViewerPeer
from textual.widgets import Input

from llmmon_tui.settings import Settings
from llmmon_tui.themes import THEMES


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        yield peer


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return home


class Kept:
    """An application with a settings file."""

    def __init__(self, peer, home):
        self.peer = peer
        self.path = home / "llmmon" / "tui.json"

    def write(self, text):
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(text)

    @property
    def document(self):
        return json.loads(self.path.read_text()) if self.path.exists() else None

    def app(self, **options):
        app = app_of(self.peer.address, **options)
        app.settings = Settings(self.path, THEMES)
        app.settings.load()
        return app


@pytest.fixture
def kept(peer, home):
    return Kept(peer, home)


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


async def started(pilot):
    await filled(pilot)
    return pilot


def running(app):
    return app.run_test(size=(120, 40), notifications=True)


async def test_a_start_writes_nothing(kept):
    async with running(kept.app(theme="light", window_s=3600, by="route")) as pilot:
        await until(pilot, lambda: pilot.app.picture.snapshot)
        await pilot.press("1", "2")
    assert kept.document is None


async def test_a_start_with_choices_leaves_the_file_as_it_is(kept):
    view = {"name": "slow", "screen": "requests", "window_s": 60, "by": "route"}
    text = json.dumps({"utc": True, "compare": True, "views": [view]})
    kept.write(text)
    async with running(kept.app(window_s=3600, view="slow")) as pilot:
        await until(pilot, lambda: pilot.app.current_mode == "requests")
        chosen = pilot.app.model.view
        assert (chosen.utc, chosen.compare, chosen.window_s, chosen.by) == (True, True, 60, "route")
        await until(pilot, lambda: shows(pilot, "UTC", "vs yesterday"))
    assert kept.path.read_text() == text


@pytest.mark.parametrize(
    ("key", "document"),
    [
        ("u", {"utc": True}),
        ("Y", {"compare": True}),
        ("w", {"window_s": 3600}),
        ("g", {"by": "operation"}),
    ],
)
async def test_a_choice_is_kept_alone(kept, key, document):
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press(key)
        assert kept.document == document


async def test_a_theme_is_kept(kept):
    async with running(kept.app()) as pilot:
        await filled(pilot)
        pilot.app.theme = THEMES["light"]
        await pilot.pause()
        assert kept.document == {"theme": "light"}


async def test_filters_are_remembered_and_offered(kept):
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("slash", *"gpt", "enter")
        await pilot.press("slash", "ctrl+u", *"err", "enter")
        assert kept.document == {"filters": ["err", "gpt"]}
        await pilot.press("slash")
        assert list(pilot.app.screen.filter_bar.history) == ["gpt", "err"]
        await pilot.press("escape")
    assert kept.document == {"filters": ["err", "gpt"]}


async def test_a_view_is_kept_opened_and_forgotten(kept):
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("3", "w", "slash", *"gpt", "enter")
        await pilot.press("v", "n", *"mine", "enter")
        (view,) = kept.document["views"]
        assert (view["name"], view["filter"], view["window_s"]) == ("mine", "gpt", 3600)
        assert view["screen"] == "requests"
        await pilot.press("1", "w", "escape")
        assert pilot.app.model.view.filter == ""
        await pilot.press("v", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "requests")
        chosen = pilot.app.model.view
        assert (chosen.filter, chosen.window_s) == ("gpt", 3600)
        await pilot.press("v", "delete")
        await until(pilot, lambda: shows(pilot, "view mine is forgotten"))
        assert kept.document["views"] == []


async def test_a_name_that_is_no_name_is_told(kept):
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("v", "n")
        pilot.app.screen.query_one(Input).value = "x" * 41
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "view.name"))
        assert kept.document is None


async def test_a_view_that_is_not_there_is_told(kept):
    async with running(kept.app(view="nope")) as pilot:
        await filled(pilot)
        await until(pilot, lambda: shows(pilot, "there is no view named 'nope'"))
        assert pilot.app.current_mode == "overview"


async def test_a_broken_file_is_told_and_moves_aside_once_there_is_something_to_keep(kept):
    kept.write("{")
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await until(pilot, lambda: shows(pilot, "expected JSON"))
        assert kept.path.read_text() == "{"
        await pilot.press("u")
    assert kept.document == {"utc": True}
    assert kept.path.with_name("tui.json.broken-1").read_text() == "{"


async def test_where_nothing_can_be_kept_it_is_told_once(kept, home):
    home.joinpath("llmmon").write_text("a file stands where the folder goes")
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("w", "w", "u")
        await until(pilot, lambda: shows(pilot, "settings are not kept"))
        told = [one.message for one in pilot.app._notifications]
        assert len([one for one in told if "settings are not kept" in one]) == 1
        await pilot.press("v", "n", *"mine", "enter")
        await pilot.pause()
        assert not shows(pilot, "view mine is kept")
        assert pilot.app.model.view.utc


async def test_the_table_with_the_focus_is_written(kept, home, monkeypatch):
    monkeypatch.chdir(home)
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("x")
        await until(pilot, lambda: shows(pilot, "written:"))
    files = sorted(home.glob("*.*"))
    assert [path.suffix for path in files] == [".csv", ".json"]
    told = json.loads(files[1].read_text())
    assert "gpt-4o" in files[0].read_text()
    assert "gpt-4o" in json.dumps(told)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_without_a_table_nothing_is_written(kept, home, monkeypatch):
    monkeypatch.chdir(home)
    async with running(kept.app()) as pilot:
        await filled(pilot)
        pilot.app.screen.set_focus(None)
        await pilot.press("x")
        await until(pilot, lambda: shows(pilot, "no table has the focus"))
    assert os.listdir(home) == []


async def test_a_picture_is_written(kept, home, monkeypatch):
    monkeypatch.chdir(home)
    async with running(kept.app()) as pilot:
        await filled(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: shows(pilot, "written:"))
    (path,) = home.glob("*.svg")
    assert "gpt" in path.read_text()


async def test_a_folder_that_is_gone_is_told(kept, home, monkeypatch):
    monkeypatch.chdir(home)
    async with running(kept.app()) as pilot:
        await filled(pilot)
        home.rmdir()
        await pilot.press("x")
        await until(pilot, lambda: shows(pilot, "No such file"))


async def test_without_a_file_choices_end_with_the_screen(peer):
    app = app_of(peer.address)
    async with running(app) as pilot:
        await filled(pilot)
        await pilot.press("u", "v", "n", *"mine", "enter")
        assert [view.name for view in app.views] == ["mine"]
