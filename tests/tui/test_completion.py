"""What bash offers for `llmmon-tui`."""

import pytest
from support.shells import completions, script

from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.themes import THEMES


def test_options():
    assert "--window" in completions("llmmon-tui", "--w")


@pytest.mark.parametrize(
    ("option", "offered"),
    [
        ("--theme", list(THEMES)),
        ("--by", list(GROUPINGS)),
        ("--window", ["1m", "5m", "1h", "24h"]),
    ],
)
def test_values(option, offered):
    assert completions("llmmon-tui", option, "") == offered


def test_values_that_begin_so():
    assert completions("llmmon-tui", "--window", "1") == ["1m", "1h"]
    assert completions("llmmon-tui", "--theme", "s") == ["safe"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell):
    assert f"_LLMMON_TUI_COMPLETE={shell}_complete" in script("llmmon-tui", shell)


def test_another_shell():
    assert completions("llmmon-tui", "--completion", "") == ["bash", "zsh", "fish"]
