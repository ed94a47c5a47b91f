"""The daemon's command line: what it cannot use is refused before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from llmmon_collector.cli.command import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--listen", "run"], "listen: 'run': expected ipc://DIR or tcp://HOST:PORT"),
        (["--listen", "tcp://0.0.0.0:5000"], "can be reached from other machines"),
        (["--http", "nonsense"], "collector.http: 'nonsense': expected HOST:PORT"),
        (["--http", "0.0.0.0:9460"], "set http_allow_remote = true"),
    ],
)
@pytest.mark.parametrize("check", [["--check"], []])
def test_an_address_that_will_not_do_is_a_usage_error(
    arguments: list[str], told: str, check: list[str], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    config = tmp_path / "llmmon.toml"
    config.write_text(f'[collector]\nlisten = "ipc://{tmp_path}/run"\n')
    result = CliRunner().invoke(
        main, ["--config", str(config), "--state", str(state), *arguments, *check]
    )
    assert result.exit_code == 2
    assert told in result.stderr
    assert not state.exists()


def test_check_says_which_files_are_fine(tmp_path: Path) -> None:
    config = tmp_path / "llmmon.toml"
    config.write_text(f'[collector]\nlisten = "ipc://{tmp_path}/run"\n')
    result = CliRunner().invoke(main, ["--config", str(config), "--check"])
    assert (result.exit_code, result.stdout) == (0, f"fine: {config}\n")
