from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alert_house import MINUTE_S, WALL_NS, House, rule

from llmmon_collector.alerts.manager import SAVE_EVERY_S

FIRING, CRITICAL = ("firing", "warning"), ("firing", "critical")
RESOLVED = ("resolved", "warning")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "alerts.db")
    yield house
    if house.manager is not None:
        house.stop()


def test_a_breach_is_told_once_and_its_end_too(house: House) -> None:
    house.start()
    (row,) = house.tick(11)
    assert (row.rule, row.state, row.severity, row.value, row.threshold) == (
        "r",
        "firing",
        "warning",
        11,
        10,
    )
    assert house.sent() == [FIRING]
    house.tick(12)
    assert house.sent() == []
    assert [row.reason for row in house.tick(1)] == ["resolved"]
    assert house.sent() == [RESOLVED]
    assert house.stored == [("r", "firing"), ("r", "resolved")]


def test_alert_cooldown_delays_the_next_notification_of_one_instance(house: House) -> None:
    house.start(rule(cooldown="15m"))
    house.tick(11)
    assert house.sent() == [FIRING]
    house.tick(11, after_s=15 * MINUTE_S - 1)
    assert house.sent() == []
    house.tick(11)
    assert house.sent() == [FIRING]


def test_alert_cooldown_holds_for_an_alert_that_comes_back(house: House) -> None:
    house.start(rule(cooldown="15m"))
    house.tick(11)
    house.sent()
    house.tick(1)
    assert house.sent() == [RESOLVED]
    house.tick(11)
    assert house.sent() == []
    assert house.view().state == "firing"
    house.tick(1)
    assert house.sent() == []
    house.tick(11, after_s=15 * MINUTE_S)
    assert house.sent() == [FIRING]


def test_alert_cooldown_never_hides_a_new_instance(house: House) -> None:
    house.start(rule(by=["model"]))
    house.tick(a=11, b=1)
    assert house.sent() == [FIRING]
    house.tick(a=11, b=11)
    assert house.sent() == [FIRING]


def test_alert_cooldown_never_hides_an_escalation(house: House) -> None:
    house.start()
    house.tick(11)
    house.sent()
    id_ = house.view().id
    assert [row.reason for row in house.tick(21)] == ["escalated"]
    assert house.sent() == [CRITICAL]
    assert house.view().id == id_
    assert [row.reason for row in house.tick(11)] == ["deescalated"]
    assert house.sent() == []
    house.tick(21)
    assert house.sent() == []


def test_alert_cooldown_of_zero_tells_every_episode_and_repeats_none(house: House) -> None:
    house.start(rule(cooldown="0s"))
    for _ in range(2):
        house.tick(11)
        assert house.sent() == [FIRING]
        house.tick(11, after_s=3600)
        assert house.sent() == []
        house.tick(1)
        assert house.sent() == [RESOLVED]


def test_an_acknowledged_alert_is_not_repeated_until_it_gets_worse(house: House) -> None:
    house.start(rule(cooldown="1m"))
    house.tick(11)
    house.sent()
    house.running.acknowledge(house.view().id, "ann", "on it", house.wall_ns)
    assert house.view().acknowledged_by == "ann"
    house.tick(11)
    assert house.sent() == [("acknowledged", "warning")]
    house.tick(11, after_s=3600)
    assert house.sent() == []
    house.tick(21)
    assert house.sent() == [CRITICAL]
    assert house.view().acknowledged_by is None
    house.tick(1)
    assert house.sent() == [("resolved", "critical")]
    assert house.stored[1] == ("r", "firing")


def test_acknowledging_needs_an_active_alert(house: House) -> None:
    house.start()
    house.tick(11)
    id_ = house.view().id
    house.tick(1)
    for unknown in (id_, "llmmon:0"):
        with pytest.raises(KeyError):
            house.running.acknowledge(unknown, "ann", "", house.wall_ns)


def test_a_silence_mutes_notifications_and_not_the_state(house: House) -> None:
    house.start(rule(by=["model"]))
    id_ = house.silence({"rule": "r", "model": "a"}, 60)
    house.tick(a=11, b=1)
    view = house.view()
    assert (view.state, view.silenced_until_ns) == ("firing", WALL_NS + 1060 * 10**9)
    assert house.sent() == []
    house.tick(a=11, b=11)
    assert house.sent() == [FIRING]
    house.tick(a=11, b=1, after_s=60)
    assert house.sent() == [FIRING, RESOLVED]
    assert house.view().silenced_until_ns is None
    assert [silence.id for silence in house.running.silences()] == [id_]
    house.tick(a=11, after_s=6 * 86_400)
    assert house.running.silences() == ()


def test_the_end_of_a_told_alert_is_told_even_when_silenced(house: House) -> None:
    house.start()
    house.tick(11)
    house.sent()
    house.silence({"rule": "r"}, 600)
    house.tick(1)
    assert house.sent() == [RESOLVED]


def test_a_silence_can_be_ended_early(house: House) -> None:
    house.start()
    id_ = house.silence({"rule": "r"}, 600)
    house.tick(11)
    house.running.end_silence(id_, house.wall_ns)
    house.tick(11)
    assert house.sent() == [FIRING]
    with pytest.raises(KeyError):
        house.running.end_silence("silence-0", house.wall_ns)


@pytest.mark.parametrize(
    ("matchers", "duration_s", "message"),
    [
        ({}, 60, "needs something to match"),
        ({"colour": "x"}, 60, "'colour' cannot be matched: use one of rule, severity, service"),
        ({"modle": "x"}, 60, "'modle' cannot be matched; did you mean \"model\"?"),
        ({"model": "m" * 257}, 60, "model: what it must be has at most 256 characters"),
        ({"rule": "r"}, 0, "at most 30 days"),
        ({"rule": "r"}, 31 * 86_400, "at most 30 days"),
        ({"rule": "r"}, float("nan"), "at most 30 days"),
    ],
)
def test_silences_must_match_something_and_end(
    house: House, matchers: dict[str, str], duration_s: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        house.start().silence(matchers, duration_s)


def test_rules_choose_channels_and_channels_choose_severities(house: House) -> None:
    house.start(
        rule("everywhere"),
        rule("chat", channels=["chat"]),
        chat={"type": "log"},
        pager={"type": "log", "min_severity": "critical"},
        quiet={"type": "log", "send_resolved": False},
    )
    house.tick(11)
    assert [len(house.sent(name)) for name in ("chat", "pager", "quiet")] == [2, 0, 1]
    house.tick(21)
    assert [len(house.sent(name)) for name in ("chat", "pager", "quiet")] == [2, 1, 1]
    house.tick(1)
    assert [len(house.sent(name)) for name in ("chat", "pager", "quiet")] == [2, 1, 0]


def test_a_new_episode_has_a_new_key_once_the_end_of_the_old_one_is_delivered(
    house: House,
) -> None:
    house.start(rule(cooldown="0s"))
    house.tick(11)
    house.sent()
    first = house.view().id
    house.tick(1)
    assert house.view().id == first
    house.tick(11)
    assert house.view().id == first
    assert house.sent() == [FIRING]
    house.tick(1)
    house.sent()
    house.tick(11)
    assert house.view().id != first
    assert house.view().id.startswith("llmmon:")
    assert len(house.view().id) == len("llmmon:") + 32


def test_removing_a_rule_resolves_its_alert_and_says_why(house: House) -> None:
    house.start()
    house.tick(11)
    house.sent()
    (row,) = house.reload()
    assert (row.state, row.reason) == ("resolved", "rule_removed")
    assert house.sent() == [RESOLVED]
    assert house.view().state == "resolved"


def test_the_feed_goes_on_from_where_one_left(house: House) -> None:
    house.start()
    house.tick(11)
    ((seq, row),) = house.running.transitions(0, 10)
    assert (row.state, json.loads(row.labels)) == ("firing", {})
    house.tick(1)
    house.restart()
    assert [row.reason for _, row in house.running.transitions(seq, 10)] == ["resolved"]


def test_a_restart_tells_nothing_again_and_loses_nothing(house: House) -> None:
    house.start(rule(by=["model"]))
    house.tick(a=11, b=11)
    house.sent()
    house.running.acknowledge(house.view().id, "ann", "", house.wall_ns)
    house.silence({"model": "b"}, 600)
    house.tick(a=11, b=11)
    assert house.sent() == [("acknowledged", "warning")]
    before = house.running.views(house.wall_ns)
    house.restart()
    assert house.running.views(house.wall_ns) == before
    house.tick(a=11, b=11)
    assert house.sent() == []
    assert house.reasons() == ["firing", "firing", "acknowledged", "silenced"]


def test_what_was_not_delivered_is_delivered_after_a_crash(house: House) -> None:
    house.start()
    house.tick(11)
    house.restart()
    assert house.sent() == [FIRING]
    house.restart()
    assert house.sent() == []


def test_a_restart_does_not_resolve_before_the_windows_are_warm(house: House) -> None:
    house.start()
    house.tick(11)
    house.sent()
    house.restart(grace_s=300)
    house.tick(None)
    house.tick(1)
    assert house.view().state == "firing"
    assert house.sent() == []
    house.tick(1, after_s=300)
    assert house.sent() == [RESOLVED]


def test_an_outage_counts_towards_the_cooldown_and_not_towards_for(house: House) -> None:
    house.start(rule(cooldown="15m", **{"for": "60s"}))
    house.tick(11)
    house.tick(11, after_s=30)
    house.restart(after_s=3600, crash=False)
    house.tick(11, after_s=29)
    assert house.view().state == "pending"
    house.tick(11)
    assert house.sent() == [FIRING]
    house.restart(after_s=10 * MINUTE_S)
    house.tick(11)
    assert house.sent() == []
    house.restart(after_s=5 * MINUTE_S)
    house.tick(11)
    assert house.sent() == [FIRING]


def test_an_alert_of_a_rule_removed_while_the_daemon_was_away_resolves(house: House) -> None:
    house.start()
    house.tick(11)
    house.sent()
    house.rules = []
    house.restart()
    assert house.view().state == "resolved"
    assert house.sent() == [RESOLVED]


def test_old_resolved_alerts_are_not_restored(house: House) -> None:
    house.start()
    house.tick(11)
    house.tick(1)
    house.restart(after_s=16 * MINUTE_S)
    assert house.running.views(house.wall_ns) == ()


def test_alerts_that_go_on_are_saved_now_and_then(house: House) -> None:
    house.start(rule(**{"for": "60s"}))
    house.tick(11)
    for _ in range(3):
        house.tick(11, after_s=SAVE_EVERY_S)
    house.restart()
    house.tick(11, after_s=60 - 3 * SAVE_EVERY_S)
    assert house.view().state == "firing"


def test_a_damaged_file_is_set_aside_and_said(house: House) -> None:
    house.path.write_bytes(b"not a database, " * 1000)
    house.start()
    assert house.running.problems() == ("the alerts' file was damaged: it is now alerts.damaged",)
    house.tick(11)
    assert house.sent() == [FIRING]


def test_documents_of_another_version_are_left_out_and_said(house: House) -> None:
    house.start()
    house.tick(11)
    house.stop()
    with sqlite3.connect(house.path) as other:
        other.execute("UPDATE documents SET document = '{}' WHERE kind = 'alert'")
        other.execute("UPDATE outbox SET document = '[]'")
    other.close()
    house.start()
    assert house.running.problems() == ("2 saved alerts or notifications could not be read",)


def test_alerts_go_on_when_they_cannot_be_saved_and_are_saved_later(house: House) -> None:
    house.start()
    house.tick(1)
    blocker = sqlite3.connect(house.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    house.tick(11)
    assert house.running.problems() == ("alerts cannot be saved: database is locked",)
    assert house.view().state == "firing"
    blocker.execute("ROLLBACK")
    blocker.close()
    house.tick(11)
    assert house.running.problems() == ()
    house.restart()
    assert house.view().state == "firing"
    assert house.sent() == [FIRING]


def test_the_file_is_for_its_owner_only(house: House) -> None:
    house.start()
    assert house.path.stat().st_mode & 0o077 == 0


@given(st.lists(st.tuples(st.sampled_from([1, 11, 21]), st.booleans()), max_size=25))
@settings(max_examples=40)
def test_restarts_change_nothing_that_people_are_told(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[float, bool]]
) -> None:
    """The same values with crashes at some ticks, and without, lead to the same notifications."""
    told: list[list[tuple[str, str]]] = []
    for crashes in (False, True):
        house = House(tmp_path_factory.mktemp("alerts") / "alerts.db")
        house.start(rule(cooldown="3s", **{"for": "2s"}))
        heard: list[tuple[str, str]] = []
        for value, crash in steps:
            house.tick(value)
            heard += house.sent()
            if crash and crashes:
                # a tick's pending time is on disk only now and then: save it as a clean stop does
                house.restart(after_s=0, crash=False)
        told.append(heard)
        house.stop()
    assert told[0] == told[1]
