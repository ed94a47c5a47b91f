"""For every test: nothing is written to, or read from, the directories of whoever runs it."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

# how long an example takes says how busy the machine is
hypothesis.settings.register_profile("llmmon", deadline=None)
hypothesis.settings.load_profile("llmmon")


@pytest.fixture(autouse=True)
def spool_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where spools lie, of this process and of those that it starts."""
    path = tmp_path / "spool"
    monkeypatch.setenv("LLMMON_SPOOL_DIR", str(path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return path
