"""What bash offers for `llmmon`."""

from __future__ import annotations

import pytest
from support.shells import completions, script


def test_commands() -> None:
    offered = completions("llmmon", "s")
    assert {"snapshot", "silence", "status"} <= set(offered)
    assert all(name.startswith("s") for name in offered)


def test_commands_of_another_room() -> None:
    assert completions("llmmon", "rules", "ba") == ["backtest"]


def test_options() -> None:
    assert completions("llmmon", "snapshot", "--w") == ["--window"]


def test_windows() -> None:
    assert completions("llmmon", "snapshot", "--window", "") == ["1m", "5m", "1h", "24h"]
    assert completions("llmmon", "silence", "--for", "1") == ["1m", "1h"]


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("mo", ["model"]),
        ("model,op", ["model,operation"]),
        ("model,mo", []),
        ("model,operation,e", ["model,operation,environment"]),
    ],
)
def test_dimensions_of_a_list(begun: str, offered: list[str]) -> None:
    assert completions("llmmon", "snapshot", "--by", begun) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str) -> None:
    assert f"_LLMMON_COMPLETE={shell}_complete" in script("llmmon", shell)
