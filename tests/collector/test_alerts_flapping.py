"""An alert that comes and goes again and again is told once, until it has calmed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.alert_house import House, rule

from llmmon_collector.alerts.flapping import (
    CALM_S,
    MAX_FIRINGS,
    WITHIN_S,
    Flap,
    follow_flap,
)
from llmmon_collector.alerts.model import RouteSpec

FIRING, CRITICAL = ("firing", "warning"), ("firing", "critical")
RESOLVED = ("resolved", "warning")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "alerts.db")
    yield house
    if house.manager is not None:
        house.stop()


def flap(house: House, times: int = MAX_FIRINGS + 1, *, after_s: float = 60) -> None:
    """Fire so often; at the end it does not."""
    for _ in range(times):
        house.tick(11, after_s=after_s)
        house.sent()
        house.tick(1, after_s=after_s)
        house.sent()


def followed(*firings_s: float) -> Flap:
    state = Flap()
    for at_s in firings_s:
        state = follow_flap(follow_flap(state, True, at_s), False, at_s + 1)
    return state


def test_more_than_five_firings_within_an_hour_are_flapping() -> None:
    times = [index * 600.0 for index in range(MAX_FIRINGS + 1)]
    assert not followed(*times[:-1]).flapping
    assert followed(*times).flapping
    assert not followed(*times[:-1], WITHIN_S).flapping


def test_a_quarter_of_an_hour_without_change_ends_it_and_the_count_begins_anew() -> None:
    state = followed(*(index * 60.0 for index in range(MAX_FIRINGS + 1)))
    last_s = MAX_FIRINGS * 60.0 + 1
    assert state.calm_s == last_s + CALM_S
    assert follow_flap(state, False, last_s + CALM_S - 1) == state
    assert follow_flap(state, False, last_s + CALM_S) == Flap()
    again = follow_flap(state, True, last_s + CALM_S)
    assert (again.flapping, again.firings_s) == (False, (last_s + CALM_S,))


def test_that_it_flaps_is_told_once_and_its_end_once_it_is_calm(house: House) -> None:
    house.start(rule(cooldown="0s"))
    flap(house, MAX_FIRINGS)
    house.tick(11, after_s=60)
    (delivery,) = house.running.outbox.take("log", 0, house.wall_ns, 10)
    assert (delivery.event, delivery.alert.flapping) == ("firing", True)
    house.running.outbox.sent([delivery])
    assert house.view().flapping
    assert house.reasons()[-2:] == ["firing", "flapping"]
    for _ in range(10):
        house.tick(1, after_s=60)
        house.tick(11, after_s=60)
        assert house.sent() == []
    house.tick(1, after_s=60)
    house.tick(1, after_s=CALM_S - 1)
    assert house.sent() == []
    house.tick(1)
    assert house.sent() == [RESOLVED]
    assert house.reasons()[-1] == "calm"
    house.tick(11)
    assert not house.view().flapping
    assert house.sent() == [FIRING]


def test_a_cooldown_does_not_hide_that_it_flaps(house: House) -> None:
    house.start(rule(cooldown="1d"))
    house.tick(11)
    assert house.sent() == [FIRING]
    house.tick(1)
    assert house.sent() == [RESOLVED]
    flap(house, MAX_FIRINGS - 1)
    house.tick(11)
    assert house.sent() == [FIRING]


def test_one_incident_for_as_long_as_it_flaps(house: House) -> None:
    house.start(rule(cooldown="0s"))
    flap(house)
    first = house.view().id
    flap(house)
    assert house.view().id == first
    house.tick(1, after_s=CALM_S)
    assert house.sent() == [RESOLVED]
    house.tick(11)
    assert house.view().id != first


def test_what_gets_worse_is_told_though_it_flaps(house: House) -> None:
    house.start(rule(cooldown="0s"))
    flap(house)
    house.tick(21, after_s=60)
    assert house.sent() == [CRITICAL]
    house.tick(1, after_s=60)
    house.tick(21, after_s=60)
    assert house.sent() == []


def test_an_alert_that_goes_on_firing_is_repeated_once_it_flaps_no_more(house: House) -> None:
    house.start(rule(cooldown="5m"))
    flap(house, MAX_FIRINGS)
    house.tick(11)
    assert house.sent() == [FIRING]
    house.tick(11, after_s=CALM_S - 1)
    assert house.sent() == []
    house.tick(11)
    assert house.sent() == [FIRING]
    assert not house.view().flapping


def test_it_can_flap_again_and_that_is_told_again(house: House) -> None:
    house.start(rule(cooldown="1d"))
    for _ in range(2):
        flap(house, MAX_FIRINGS)
        house.tick(11, after_s=60)
        assert house.sent() == [FIRING]
        house.tick(1)
        house.tick(1, after_s=CALM_S)
        assert house.sent() == [RESOLVED]


def test_channels_that_hold_the_state_hear_everything(house: House) -> None:
    house.start(
        rule(cooldown="1d"),
        am={"type": "alertmanager", "urls": ["http://127.0.0.1:9093"], "refresh": "1m"},
    )
    for _ in range(MAX_FIRINGS + 3):
        house.tick(11, after_s=10)
        assert house.sent("am") == [FIRING]
        house.tick(1, after_s=10)
        assert house.sent("am") == [RESOLVED]


def test_such_a_channel_hears_the_end_though_no_route_leads_there_any_more(house: House) -> None:
    am = {"type": "alertmanager", "urls": ["http://127.0.0.1:9093"], "refresh": "1m"}
    house.start(am=am, log={"type": "log"})
    for _ in range(MAX_FIRINGS):
        house.tick(11, after_s=10)
        house.sent("am")
        house.tick(1, after_s=10)
        house.sent("am")
    house.tick(11)
    house.sent("am")
    house.more = {"routes": (RouteSpec(channels=("log",)),)}
    house.reload(rule(), am=am, log={"type": "log"})
    house.tick(1)
    assert house.sent("am") == [RESOLVED]


@pytest.mark.parametrize("crash", [True, False])
def test_flapping_and_its_end_survive_restarts_and_long_absence(house: House, crash: bool) -> None:
    house.start(rule(cooldown="0s"))
    flap(house)
    house.restart(crash=crash)
    house.tick(11, after_s=60)
    assert house.sent() == []
    house.tick(1, after_s=60)
    house.restart(after_s=86_400, crash=crash)
    assert house.sent() == [RESOLVED]
    assert house.running.views(house.wall_ns) == ()


def test_the_end_is_told_though_the_alert_is_no_longer_shown(house: House) -> None:
    house.start(rule(cooldown="0s"))
    flap(house)
    house.tick(None, after_s=2 * CALM_S)
    assert house.sent() == [RESOLVED]
    house.tick(None, after_s=60)
    assert house.sent() == []


def test_a_channel_that_is_silenced_while_it_begins_hears_of_it_afterwards(house: House) -> None:
    house.start(rule(cooldown="0s"))
    house.silence({"rule": "r"}, 60 * (2 * MAX_FIRINGS + 2) + 30)
    flap(house)
    assert house.view().flapping
    house.tick(11, after_s=60)
    assert house.sent() == [FIRING]
    house.tick(1, after_s=60)
    house.tick(11, after_s=60)
    assert house.sent() == []
