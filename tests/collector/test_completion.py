"""What bash offers for `llmmon-collector`."""

from __future__ import annotations

import pytest
from support.shells import completions, script


def test_options_and_commands() -> None:
    assert completions("llmmon-collector", "--lo") == ["--log-level"]
    assert completions("llmmon-collector", "c") == ["channels"]


def test_levels() -> None:
    assert completions("llmmon-collector", "--log-level", "w") == ["warning"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str) -> None:
    text = script("llmmon-collector", shell)
    assert f"_LLMMON_COLLECTOR_COMPLETE={shell}_complete" in text
