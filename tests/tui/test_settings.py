import json
import os
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from llmmon_tui.filtering.saved import SavedView
from llmmon_tui.preferences import Preferences
from llmmon_tui.settings import Settings, settings_path, view_names

THEMES = ("dark", "light")
ADD_VIEWS = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from llmmon_tui.filtering.saved import SavedView
    from llmmon_tui.settings import Settings

    settings = Settings(Path(sys.argv[1]), ("dark", "light"))
    preferences = settings.load()
    print("loaded", flush=True)
    sys.stdin.readline()
    for number in range(20):
        view = SavedView(f"{sys.argv[2]}-{number}")
        preferences = replace(preferences, views=(*preferences.views, view))
        assert not settings.save(preferences)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "llmmon" / "tui.json"


def settings_of(path, text=None):
    if text is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = Settings(path, THEMES)
    settings.load()
    return settings


def test_where_it_is():
    assert settings_path({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/llmmon/tui.json")
    assert settings_path({"HOME": "/h"}) == Path("/h/.config/llmmon/tui.json")
    assert settings_path({"XDG_CONFIG_HOME": "relative"}) is None


def test_no_file_and_nothing_chosen_makes_none(path):
    settings = settings_of(path)
    assert (settings.preferences, settings.problem) == (Preferences(), "")
    assert settings.save(Preferences()) == ""
    assert not path.parent.exists()


def test_what_is_saved_is_there_the_next_time(path):
    chosen = Preferences(theme="light", utc=True, filters=("模型",), views=(SavedView("夜"),))
    assert settings_of(path).save(chosen) == ""
    assert settings_of(path).preferences == chosen
    assert "模型" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {one.name for one in path.parent.iterdir()} == {"tui.json", "tui.json.lock"}


def test_nothing_changed_writes_nothing(path):
    settings = settings_of(path, '{"theme":"light"}')
    before = path.stat()
    assert settings.save(settings.preferences) == ""
    assert settings.save(replace(settings.preferences)) == ""
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_not_known_stays(path):
    text = '{"future": {"deep": [1]}, "half": "\\udc80", "theme": "neon"}'
    settings = settings_of(path, text)
    settings.save(replace(settings.preferences, bell=True))
    assert json.loads(path.read_text()) == {**json.loads(text), "bell": True}


def test_a_link_stays_a_link(path, tmp_path):
    own = tmp_path / "dotfiles.json"
    own.write_text("{}")
    path.parent.mkdir(parents=True)
    path.symlink_to(own)
    settings_of(path).save(Preferences(by="route"))
    assert path.is_symlink()
    assert json.loads(own.read_text()) == {"by": "route"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n  "theme": dark\n}', ":2: expected JSON: Expecting value, column 12"),
        ("[]", ":1: expected an object"),
        ("[" * 100_000, ": expected JSON that can be read"),
        ('{"window_s": ' + "9" * 5000 + "}", ": expected JSON that can be read"),
    ],
)
def test_a_broken_file_is_told_and_moves_aside_only_for_a_change(path, text, problem):
    settings = settings_of(path, text)
    assert settings.problem.startswith(f"{path}{problem}")
    assert settings.preferences == Preferences()
    assert settings.save(Preferences()) == ""
    assert path.read_text() == text
    assert settings.save(Preferences(theme="light")) == ""
    assert json.loads(path.read_text()) == {"theme": "light"}
    assert path.with_name("tui.json.broken-1").read_text() == text


def test_not_text(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")
    assert settings_of(path).problem.startswith(f"{path}: expected text in UTF-8")


def test_every_broken_file_is_kept(path):
    for theme in THEMES:
        settings_of(path, f"broken {theme}").save(Preferences(theme=theme))
    aside = [path.with_name(f"tui.json.broken-{number}").read_text() for number in (1, 2)]
    assert aside == ["broken dark", "broken light"]


def test_a_wrong_member_names_its_line(path):
    text = '{\n  "by": "route",\n  "views": [\n    {"name": "a"},\n    {"name": ""}\n  ]\n}'
    settings = settings_of(path, text)
    assert settings.problem.startswith(f"{path}:5: views[1].name: expected a name")
    assert settings.preferences == Preferences(by="route", views=(SavedView("a"),))


def test_several_wrong_members(path):
    settings = settings_of(path, '{"by": 1, "utc": 2}')
    assert settings.problem.startswith(f"{path}:1: by: expected one of")
    assert settings.problem.endswith("; 2 faults")


def test_a_home_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "llmmon").write_text("a file where the directory would be")
    path = tmp_path / "llmmon" / "tui.json"
    settings = settings_of(path)
    assert settings.problem.startswith(f"{path}: Not a directory")
    for _ in range(2):
        told = settings.save(Preferences(theme="light"))
        assert told.startswith(f"settings are not kept: {path}: ")


def test_a_directory_in_its_place_is_left_alone(path):
    path.mkdir(parents=True)
    settings = settings_of(path)
    assert settings.problem.startswith(f"{path}: Is a directory")
    assert "Is a directory" in settings.save(Preferences(theme="light"))
    assert path.is_dir()


def test_without_a_home_nothing_is_remembered():
    settings = Settings(None, THEMES)
    assert settings.load() == Preferences()
    assert settings.save(Preferences(theme="light")) == ""


def test_screens_do_not_undo_each_other(path):
    settings_of(path).save(Preferences(views=(SavedView("first"),)))
    screens = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(ADD_VIEWS), path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("left", "right")
    ]
    for screen in screens:
        assert screen.stdout.readline() == "loaded\n"
    for screen in screens:
        screen.stdin.write("go\n")
        screen.stdin.flush()
    for screen in screens:
        screen.communicate(timeout=60)
        assert screen.returncode == 0
    names = {view.name for view in settings_of(path).preferences.views}
    added = {f"{side}-{number}" for side in ("left", "right") for number in range(20)}
    assert names == {"first", *added}


def test_names_of_views(path):
    settings_of(path).save(Preferences(theme="dark", views=(SavedView("a"), SavedView("b c"))))
    assert view_names({"XDG_CONFIG_HOME": os.fspath(path.parents[1])}) == ["a", "b c"]
    assert view_names({}) == []


def test_what_cannot_be_written_holds_for_this_run_and_is_written_later(tmp_path):
    blocker = tmp_path / "llmmon"
    blocker.write_text("a file where the directory is to be")
    settings = Settings(blocker / "tui.json", THEMES)
    settings.load()
    assert "not kept" in settings.save(replace(settings.preferences, by="route"))
    assert settings.preferences.by == "route"
    blocker.unlink()
    assert settings.save(replace(settings.preferences, utc=True)) == ""
    assert Settings(blocker / "tui.json", THEMES).load() == settings.preferences
