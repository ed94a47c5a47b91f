"""``llmmon-collector channels``: lists what is configured and sends real test messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.contracts import PAGERDUTY_PATH, ROUTING_KEY, PagerDuty
from support.receivers import Receiver, receiving

from llmmon_collector.cli.command import main

CONFIG = """
[channels.pager]
type = "pagerduty"
routing_key = "env:PAGER_KEY"
url = "{url}"
min_severity = "critical"
rate_limit = "20/1h"

[channels.log]
type = "log"
send_resolved = false
"""


@pytest.fixture
def pager() -> Iterator[Receiver]:
    with receiving(PagerDuty()) as receiver:
        yield receiver


@pytest.fixture
def config(tmp_path: Path, pager: Receiver) -> Path:
    file = tmp_path / "llmmon.toml"
    file.write_text(CONFIG.format(url=pager.url(PAGERDUTY_PATH)))
    return file


def run(*arguments: str | Path, key: str | None = ROUTING_KEY) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], env={"PAGER_KEY": key})


def test_a_test_opens_an_incident_and_closes_it(config: Path, pager: Receiver) -> None:
    result = run("channels", "test", "pager", "--severity", "critical", "--config", config)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "pager (pagerduty), firing: delivered",
        "pager (pagerduty), resolved: delivered",
    ]
    assert isinstance(pager.contract, PagerDuty)
    [incident] = pager.contract.incidents
    assert (incident["state"], incident["severity"]) == ("resolved", "critical")
    assert "nothing is wrong" in pager.accepted[0].json()["payload"]["summary"]


def test_what_may_have_arrived_is_closed_all_the_same(config: Path, pager: Receiver) -> None:
    pager.plan(500, "oops")
    result = run("--config", config, "channels", "test", "pager")
    assert result.exit_code == 1
    assert "firing: not delivered: HTTP 500: oops; a collector would try again" in result.stdout
    assert "resolved: delivered" in result.stdout


def test_what_is_refused_says_why_and_not_the_secret(config: Path, pager: Receiver) -> None:
    result = run("channels", "test", "pager", "--config", config, key="f" * 32)
    assert result.exit_code == 1
    assert "firing: refused: HTTP 400" in result.stdout
    assert "f" * 32 not in result.output
    assert len(pager.received) == 1


def test_the_configuration_is_checked_first(config: Path, tmp_path: Path) -> None:
    result = run("channels", "test", "pagr", "--config", config)
    assert result.exit_code == 2
    assert 'there is no [channels.pagr]; did you mean "pager"?' in result.stderr
    result = run("channels", "test", "pager", "--config", config, key=None)
    assert result.exit_code == 2
    assert "channels.pager.routing_key: the environment variable PAGER_KEY is not set" in (
        result.stderr
    )
    result = run("channels", "list", "--config", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "none.toml" in result.stderr


def test_the_list_tells_what_each_is_told(config: Path, tmp_path: Path) -> None:
    assert run("channels", "list", "--config", config).stdout.splitlines() == [
        "pager  pagerduty  critical alerts and when they are over, at most 20 messages in 1h",
        "log    log        all alerts",
    ]
    empty = tmp_path / "empty.toml"
    empty.touch()
    listed = run("channels", "list", "--config", empty).stdout
    assert listed == "log  log  all alerts and when they are over\n"
