"""When the demo's trouble comes."""

import pytest

from llmmon.demo.player import HISTORY_S
from llmmon.demo.run import Options, incident_of


def test_there_is_none_unless_asked_for() -> None:
    assert incident_of(Options(seconds=60.0)) is None


@pytest.mark.parametrize("seconds", [None, 180.0, 3600.0])
def test_three_minutes_hold_it_and_the_minute_after_which_alerts_resolve(
    seconds: float | None,
) -> None:
    incident = incident_of(Options(incident=True, seconds=seconds))
    assert incident is not None
    assert incident.phase(HISTORY_S) == "steady"
    assert incident.phase(HISTORY_S + 20) == "slow"
    assert incident.phase(HISTORY_S + 100) == "failing"
    assert incident.phase(HISTORY_S + 110) == "steady"


@pytest.mark.parametrize("seconds", [0.5, 20.0, 100.0])
def test_a_shorter_run_holds_it_too(seconds: float) -> None:
    incident = incident_of(Options(incident=True, seconds=seconds))
    assert incident is not None
    phases = [incident.phase(HISTORY_S + seconds * n / 100) for n in range(100)]
    assert list(dict.fromkeys(phases)) == ["steady", "slow", "failing"]
    assert phases[0] == phases[-1] == "steady"
