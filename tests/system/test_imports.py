"""What each way in loads, in fresh interpreters: nobody pays for a part that is not used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

COLLECTOR = {"aiohttp", "apprise", "duckdb", "llmmon_collector", "numpy", "pydantic", "structlog"}
TUI = {"llmmon_tui", "rich", "textual"}

SHOW = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_after(code: str) -> set[str]:
    """The top-level modules that ``code`` loads, beside those of the interpreter itself."""
    return _modules(code) - _modules("pass")


def _modules(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOW}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def command(arguments: list[str], entry: str) -> str:
    """Code that runs a command line and goes on after it."""
    return f"""
import sys
from {entry} import main
sys.argv = ["command", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_the_agent_loads_nothing_that_it_does_not_use_at_once() -> None:
    heavy = {"asyncio", "click", "msgpack", "numpy", "zmq"}
    assert loaded_after("import llmmon").isdisjoint(heavy | COLLECTOR | TUI)


def test_the_agent_at_work_loads_two_libraries() -> None:
    code = """
import llmmon, tempfile
with tempfile.TemporaryDirectory() as directory:
    llmmon.init(service="s", endpoint=f"ipc://{directory}/run", handle_sigterm=False)
    llmmon.record("chat", latency_ms=1.0)
    llmmon.flush(timeout_s=0.1)
    llmmon.shutdown(timeout_s=0.1)
"""
    loaded = loaded_after(code)
    assert {"zmq", "msgpack"} <= loaded
    assert loaded.isdisjoint({"click"} | COLLECTOR | TUI)


@pytest.mark.parametrize(
    "code",
    [
        "import llmmon.cli.main",
        command(["--help"], "llmmon.cli.main"),
        command(["snapshot", "--help"], "llmmon.cli.main"),
        command(["query", "--help"], "llmmon.cli.main"),
        command(["demo", "--help"], "llmmon.cli.main"),
    ],
    ids=["import", "help", "snapshot", "query", "demo"],
)
def test_client_tools_load_neither_collector_nor_screen(code: str) -> None:
    assert loaded_after(code).isdisjoint(COLLECTOR | TUI)


@pytest.mark.parametrize(
    "code",
    ["import llmmon_tui.app", command(["--help"], "llmmon_tui.cli")],
    ids=["app", "help"],
)
def test_the_screen_loads_nothing_of_the_collector(code: str) -> None:
    loaded = loaded_after(code)
    assert "llmmon_tui" in loaded
    assert loaded.isdisjoint(COLLECTOR)


def test_the_collector_loads_no_screen() -> None:
    loaded = loaded_after(command(["--help"], "llmmon_collector.main"))
    assert "llmmon_collector" in loaded
    # structlog looks for rich by itself
    assert loaded.isdisjoint(TUI - {"rich"})
