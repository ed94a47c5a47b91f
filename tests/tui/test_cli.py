import os
import subprocess
import sys
import textwrap

import pytest
from support.snapshots import busy_snapshot
from support.viewer_app import serve_all
from support.viewer_peer import ViewerPeer


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TZ": "UTC", "COLUMNS": "100", **environment},
    )


def run(*arguments, **environment):
    return python("-m", "llmmon_tui", *arguments, **environment)


def run_code(code):
    return python("-c", textwrap.dedent(code))


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        yield peer


def test_one_picture_as_text(peer):
    done = run("--once", "--connect", peer.address.text)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "● LIVE  prod-eu" in lines[0]
    assert "CRIT high_error_rate" in lines[1]
    assert any("gpt-4o" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_the_environment_names_the_collector(peer):
    done = run(
        "--once", "--ascii", "--by", "route", "--window", "1h", LLMMON_ENDPOINT=peer.address.text
    )
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "  1h  by route" in done.stdout
    assert peer.asked("snapshot") == [{"by": "route"}]


def test_no_collector(tmp_path):
    done = run("--once", "--connect", f"ipc://{tmp_path}")
    assert done.returncode == 3
    assert "no collector answers" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--connect", "http://x"], "expected ipc://DIR or tcp://HOST:PORT"),
        (["--window", "soon"], "expected 30s, 5m, 1h or 1d"),
        (["--window", "0m"], "expected 30s, 5m, 1h or 1d"),
        (["--by", "colour"], "'colour' is not one of"),
        (["--rate", "100"], "100"),
        (["--theme", "pink"], "pink"),
    ],
)
def test_wrong_usage(arguments, reason):
    done = run(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr


def test_help_names_every_option():
    done = run("--help")
    for option in (
        "connect",
        "alerts",
        "window",
        "by",
        "rate",
        "ascii",
        "readonly",
        "theme",
        "bell",
    ):
        assert f"--{option}" in done.stdout
    assert "--once" in done.stdout


@pytest.mark.parametrize("missing", ["click", "textual"])
def test_without_the_extra_it_says_what_to_install(missing):
    code = f"""
        import sys
        sys.modules[{missing!r}] = None
        sys.argv = ["llmmon-tui"]
        from llmmon_tui.cli import main
        main()
    """
    done = run_code(code)
    assert done.returncode == 2
    assert done.stderr == f"llmmon-tui needs {missing}: pip install 'llmmon[tui]'\n"


def test_another_missing_module_is_a_bug_and_not_hidden():
    code = """
        import sys
        sys.modules["zmq"] = None
        sys.argv = ["llmmon-tui", "--once"]
        from llmmon_tui.cli import main
        main()
    """
    done = run_code(code)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_textual_is_not_loaded_for_help_or_text():
    code = """
        import sys
        import llmmon_tui.command, llmmon_tui.once
        print([name for name in sys.modules if name.partition(".")[0] == "textual"])
    """
    done = run_code(code)
    assert done.stdout == "[]\n"
