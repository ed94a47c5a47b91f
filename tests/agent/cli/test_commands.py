from __future__ import annotations

import subprocess
import sys

import pytest

from llmmon.protocol.endpoint import Address

COMMANDS = (
    "ack",
    "demo",
    "query",
    "replay",
    "silence",
    "silences",
    "snapshot",
    "status",
    "tail",
    "unsilence",
)
ASKING = {
    "ack": ["x", "--by", "ann"],
    "query": ["SELECT 1", "--timeout", "0.1"],
    "silence": ["model=m", "--by", "ann"],
    "silences": ["--json"],
    "unsilence": ["s1", "--by", "ann"],
    "snapshot": ["--json"],
    "status": ["--line"],
    "tail": ["alerts"],
}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def llmmon(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "llmmon.cli.main", *arguments)


@pytest.mark.parametrize("command", list(ASKING))
def test_no_collector_is_exit_3_and_one_line(command: str, address: Address) -> None:
    done = llmmon(command, *ASKING[command], "--connect", address.text)
    assert done.returncode == 3
    assert done.stdout == ""
    assert address.text in done.stderr
    assert "llmmon-collector" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_command() -> None:
    done = llmmon("--help")
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


def test_an_unknown_command_is_a_usage_error() -> None:
    assert llmmon("frobnicate").returncode == 2


def test_a_bad_address_is_a_usage_error() -> None:
    done = llmmon("status", "--connect", "http://example.org")
    assert done.returncode == 2
    assert "expected ipc://DIR or tcp://HOST:PORT" in done.stderr


def test_a_bad_address_of_the_environment_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLMMON_ENDPOINT", "here")
    done = llmmon("status")
    assert done.returncode == 2
    assert "LLMMON_ENDPOINT: 'here': expected" in done.stderr


def test_without_click_it_says_how_to_get_it() -> None:
    hide_click = "import sys; sys.modules['click'] = None; sys.argv = ['llmmon', 'status']"
    script = f"{hide_click}\nfrom llmmon.cli.main import main\nmain()"
    done = python("-c", script)
    assert done.returncode == 2
    assert done.stderr == "llmmon: the client tools need click: pip install 'llmmon[cli]'\n"


def test_asking_loads_no_more_than_it_needs() -> None:
    script = (
        "import sys\nfrom llmmon.cli.commands import llmmon\n"
        "llmmon(['snapshot', '--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'duckdb', 'pydantic', 'textual', 'asyncio', 'llmmon.demo'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = python("-c", script)
    assert done.stderr == "[]\n"
