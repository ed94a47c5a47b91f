"""Alerts over reloads, restarts, silences and clocks that are set."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alert_house import MINUTE_S, House, rule

from llmmon.errors import ConfigError
from llmmon_collector.alerts.archive import MOST_DRIFTED
from llmmon_collector.alerts.manager import SAVE_EVERY_S
from llmmon_collector.alerts.silence import SilenceOrder

FIRING, CRITICAL = ("firing", "warning"), ("firing", "critical")
RESOLVED, TAKEN = ("resolved", "warning"), ("acknowledged", "warning")
AM = {"type": "alertmanager", "urls": ["http://127.0.0.1:9093"], "refresh": "1m"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "alerts.db")
    yield house
    if house.manager is not None:
        house.stop()


def acknowledge(house: House, by: str = "ann") -> None:
    house.running.acknowledge(house.view().id, by, "", house.wall_ns)


def test_a_new_channel_is_told_what_fires_and_an_old_one_nothing_again(house: House) -> None:
    house.start(a={"type": "log"})
    house.tick(11)
    assert house.sent("a") == [FIRING]
    house.reload(rule(), a={"type": "log"}, b={"type": "log"})
    assert (house.sent("a"), house.sent("b")) == ([], [FIRING])
    house.reload(rule(), b={"type": "log"})
    house.tick(1)
    assert (house.sent("a"), house.sent("b")) == ([], [RESOLVED])


def test_a_channel_that_went_and_came_back_is_told_anew(house: House) -> None:
    house.start(a={"type": "log"}, b={"type": "log"})
    house.tick(11)
    house.reload(rule(), a={"type": "log"})
    house.reload(rule(), a={"type": "log"}, b={"type": "log"})
    assert house.sent("b") == [FIRING]


def test_what_a_channel_heard_before_it_went_is_forgotten_of_past_alerts_too(house: House) -> None:
    house.start(rule(cooldown="1h"), a={"type": "log"}, b={"type": "log"})
    house.tick(11)
    assert house.sent("b") == [FIRING]
    house.tick(1)
    house.sent("b")
    house.tick(1, after_s=16 * MINUTE_S)
    house.reload(rule(cooldown="1h"), a={"type": "log"})
    house.reload(rule(cooldown="1h"), a={"type": "log"}, b={"type": "log"})
    house.tick(11)
    assert house.sent("b") == [FIRING]


def test_a_changed_rule_goes_on_with_its_alert(house: House) -> None:
    house.start(rule(cooldown="1h"))
    house.tick(15)
    id_ = house.view().id
    house.sent()
    house.reload(rule(critical={"above": 14}, cooldown="1m"))
    assert [row.reason for row in house.tick(15)] == ["escalated"]
    assert house.sent() == [CRITICAL]
    house.tick(15, after_s=61)
    assert house.sent() == [CRITICAL]
    assert house.view().id == id_


def test_a_rule_that_went_and_came_back_is_one_alert_that_is_resolved_once(house: House) -> None:
    house.start(rule(cooldown="0s"))
    house.tick(11)
    house.reload()
    house.reload(rule(cooldown="0s"))
    house.tick(11)
    (view,) = house.running.views(house.wall_ns)
    assert (view.state, house.sent()) == ("firing", [FIRING])
    for _ in range(3):
        house.tick(11)
        assert house.sent() == []
    house.tick(1)
    assert house.sent() == [RESOLVED]
    house.tick(1)
    assert house.sent() == []


def test_generated_rules_alert_like_any_other(house: House) -> None:
    house.more = {"generated": (rule("slo.chat"),)}
    house.start(rule())
    house.tick(11)
    assert house.sent() == [FIRING, FIRING]
    house.more = {"generated": ()}
    (row,) = house.reload(rule())
    assert (row.rule, row.reason) == ("slo.chat", "rule_removed")
    house.more = {"generated": (rule("r"),)}
    with pytest.raises(ConfigError, match="two rules are called 'r'"):
        house.reload(rule())
    house.tick(11)
    assert house.running.problems() == ()


def test_an_acknowledgement_is_told_once_to_channels_that_were_told(house: House) -> None:
    house.start(log={"type": "log"}, am=AM, pager={"type": "log", "min_severity": "critical"})
    house.tick(11)
    assert [house.sent(name) for name in ("log", "am", "pager")] == [[FIRING], [FIRING], []]
    acknowledge(house)
    acknowledge(house, "bob")
    house.tick(11)
    assert [house.sent(name) for name in ("log", "am", "pager")] == [[TAKEN], [], []]
    house.tick(11)
    assert house.sent("log") == []
    assert house.reasons() == ["firing", "acknowledged", "acknowledged"]
    rows = [row.by for _, row in house.running.transitions(None, 2)]
    assert rows == ["ann", "bob"]


def test_an_acknowledgement_is_of_one_episode(house: House) -> None:
    house.start(rule(cooldown="1m"))
    house.tick(11)
    acknowledge(house)
    house.tick(11)
    house.tick(1)
    house.tick(11)
    assert house.view().acknowledged_by is None
    house.tick(11, after_s=61)
    assert house.sent() == [FIRING]


def test_an_acknowledgement_follows_a_firing_that_still_waits(house: House) -> None:
    house.start()
    house.tick(11)
    acknowledge(house)
    house.tick(11)
    assert house.sent() == [FIRING]
    assert house.sent() == [TAKEN]


def test_an_acknowledgement_outlives_a_crash_at_once(house: House) -> None:
    house.start()
    house.tick(11)
    acknowledge(house)
    house.restart()
    assert house.view().acknowledged_by == "ann"


def test_a_channel_that_is_to_be_kept_fresh_is_told_again_whatever_else(house: House) -> None:
    house.start(rule(cooldown="1h"), am=AM)
    house.tick(11)
    assert house.sent("am") == [FIRING]
    acknowledge(house)
    house.tick(11, after_s=59)
    assert house.sent("am") == []
    house.tick(11)
    assert house.sent("am") == [FIRING]
    house.tick(1)
    assert house.sent("am") == [RESOLVED]
    house.tick(11)
    assert house.sent("am") == [FIRING]
    house.silence({"rule": "r"}, 600)
    house.tick(11, after_s=120)
    assert house.sent("am") == []


def test_a_channel_without_resolved_starts_each_episode_with_a_key_of_its_own(house: House) -> None:
    house.start(rule(cooldown="0s"), quiet={"type": "log", "send_resolved": False})
    ids = set()
    for _ in range(3):
        house.tick(11)
        assert house.sent("quiet") == [FIRING]
        ids.add(house.view().id)
        house.tick(1)
        assert house.sent("quiet") == []
    assert len(ids) == 3
    house.tick(11)
    house.tick(1)
    assert house.sent("quiet") == []


def test_what_was_never_sent_does_not_start_the_cooldown(house: House) -> None:
    house.start(rule(cooldown="1h"))
    house.tick(11)
    house.tick(1)
    assert house.sent() == []
    house.tick(11)
    assert house.sent() == [FIRING]


def test_a_cooldown_outlasts_the_sight_of_the_alert(house: House) -> None:
    house.start(rule(cooldown="1h"))
    house.tick(11)
    house.tick(11)
    assert house.sent() == [FIRING]
    house.tick(1)
    assert house.sent() == [RESOLVED]
    for _ in range(2):
        house.tick(1, after_s=16 * MINUTE_S)
        assert house.running.views(house.wall_ns) == ()
    house.tick(11)
    assert house.sent() == []
    house.tick(11, after_s=29 * MINUTE_S)
    assert house.sent() == [FIRING]


def test_silences_take_globs_and_severities_and_begin_later(house: House) -> None:
    house.start(rule(by=["model"], cooldown="1m"))
    order = SilenceOrder(
        {"model": "gpt-*", "severity": "warning"},
        300,
        "ann",
        "move",
        house.wall_ns + 60 * 10**9,
    )
    id_ = house.running.silence(order, house.wall_ns)
    house.tick(**{"gpt-4": 11, "o1": 11})
    assert house.sent() == [FIRING, FIRING]
    house.tick(**{"gpt-4": 11, "o1": 11}, after_s=61)
    assert house.sent() == [FIRING]
    house.tick(**{"gpt-4": 21, "o1": 11})
    assert house.sent() == [CRITICAL]
    assert house.reasons() == ["firing", "firing", "silenced", "escalated", "unsilenced"]
    (silenced,) = [row for _, row in house.running.transitions(0, 9) if row.reason == "silenced"]
    assert (silenced.by, json.loads(silenced.labels)) == ("ann", {"model": "gpt-4"})
    house.running.end_silence(id_, house.wall_ns)
    (ended,) = house.running.silences()
    assert ended.ends_ns == house.wall_ns


def test_a_silence_that_was_to_come_never_does_once_it_is_ended(house: House) -> None:
    house.start()
    starts_ns = house.wall_ns + 60 * 10**9
    order = SilenceOrder({"rule": "r"}, 600, starts_ns=starts_ns)
    id_ = house.running.silence(order, house.wall_ns)
    house.running.end_silence(id_, house.wall_ns)
    house.tick(11, after_s=120)
    assert house.sent() == [FIRING]


def test_the_same_silence_twice_is_one_and_outlives_a_crash(house: House) -> None:
    house.start()
    assert house.silence({"rule": "r"}, 600) == house.silence({"rule": "r"}, 600)
    house.restart(after_s=1)
    house.tick(11)
    assert house.sent() == []
    assert len(house.running.silences()) == 1


@pytest.mark.parametrize("moved_s", [-86_400, 86_400])
def test_a_clock_that_is_set_leaves_silences_as_long_as_they_were(
    house: House, moved_s: int
) -> None:
    house.start()
    house.silence({"rule": "r"}, 600)
    house.tick(11)
    before = house.wall_ns
    house.wall_moved_s += moved_s
    house.running.set_clock(house.wall_ns - before)
    house.tick(11, after_s=598)
    assert house.sent() == []
    house.tick(11)
    assert house.sent() == [FIRING]


def test_what_waits_is_not_given_up_because_the_clock_was_set(house: House) -> None:
    house.start()
    house.tick(11)
    house.wall_moved_s += 2 * 86_400
    house.running.set_clock(2 * 86_400 * 10**9)
    assert house.sent() == [FIRING]


def documents(house: House) -> int:
    """How many alerts the file holds with their present value."""
    with sqlite3.connect(house.path) as other:
        rows = other.execute("SELECT document FROM documents WHERE kind = 'alert'").fetchall()
    other.close()
    return sum(json.loads(document)["instance"]["value"] == 12 for (document,) in rows)


def test_alerts_of_which_only_the_value_moves_are_saved_in_turns(house: House) -> None:
    house.start(rule(by=["model"], limit=1000))
    many = {f"m{number}": 11.0 for number in range(2 * MOST_DRIFTED + 1)}
    house.tick(**many)
    later: dict[str, Any] = dict.fromkeys(many, 12.0)
    saved = []
    for _ in range(4):
        house.tick(**later, after_s=SAVE_EVERY_S)
        saved.append(documents(house))
    assert saved == [MOST_DRIFTED, 2 * MOST_DRIFTED, len(many), len(many)]


def test_many_changes_at_once_are_all_saved_at_once(house: House) -> None:
    house.start(rule(by=["model"], limit=1000))
    many = {f"m{number}": 11.0 for number in range(2 * MOST_DRIFTED)}
    house.tick(**many)
    house.sent()
    house.tick(**dict.fromkeys(many, 1.0))
    house.sent()
    house.restart()
    assert {view.state for view in house.running.views(house.wall_ns)} == {"resolved"}
    house.tick(**dict.fromkeys(many, 1.0))
    assert house.sent() == []


def test_what_was_told_again_is_known_after_a_crash(house: House) -> None:
    house.start(rule(cooldown="3s"))
    for _ in range(2):
        house.tick(11, after_s=3)  # before it is time to save what only goes on
        assert house.sent() == [FIRING]
    house.restart(after_s=1)
    house.tick(11)
    assert house.sent() == []


def test_what_got_milder_is_known_after_a_crash(house: House) -> None:
    house.start()
    house.tick(21)
    house.tick(11)
    house.restart()
    assert house.view().severity == "warning"
    assert house.reasons() == ["firing", "deescalated"]


def test_closing_saves_everything(house: House) -> None:
    house.start(rule(by=["model"], limit=1000))
    many = {f"m{number}": 11.0 for number in range(2 * MOST_DRIFTED)}
    house.tick(**many)
    house.tick(**dict.fromkeys(many, 12.0))
    house.restart(crash=False)
    assert {view.value for view in house.running.views(house.wall_ns)} == {12.0}


def test_records_and_silences_that_no_longer_matter_leave_the_file(house: House) -> None:
    house.start(rule(by=["model"], cooldown="1m"))
    house.silence({"rule": "x"}, 60)
    house.tick(a=11)
    house.sent()
    house.tick(a=1)
    house.sent()
    for _ in range(3):
        house.tick(a=1, after_s=3 * 86_400)
    house.restart(crash=False)
    assert kept(house) == 0


def kept(house: House) -> int:
    """How many documents the file holds."""
    with sqlite3.connect(house.path) as other:
        (count,) = other.execute("SELECT count(*) FROM documents").fetchone()
    other.close()
    return int(count)


def test_what_no_longer_matters_after_an_absence_leaves_the_file(house: House) -> None:
    house.start(rule(cooldown="1m"))
    house.tick(11)
    house.sent()
    house.tick(1)
    house.sent()
    house.restart(after_s=86_400)
    assert kept(house) == 0


def test_ending_a_silence_that_has_ended_changes_nothing(house: House) -> None:
    house.start()
    id_ = house.silence({"rule": "r"}, 60)
    (before,) = house.running.silences()
    house.tick(1, after_s=120)
    house.running.end_silence(id_, house.wall_ns)
    assert house.running.silences() == (before,)


def test_a_file_of_another_version_is_begun_anew_and_said(house: House) -> None:
    with sqlite3.connect(house.path) as old:
        old.execute("CREATE TABLE documents (kind TEXT, key TEXT, document BLOB)")
        old.execute("CREATE TABLE history (seq INTEGER PRIMARY KEY, note TEXT)")
    old.close()
    house.start()
    assert house.running.problems() == (
        "the alerts' file was of another version: alerts begin anew",
    )
    house.tick(11)
    assert house.reasons() == ["firing"]
    house.restart()
    assert house.running.problems() == ()


def test_the_history_keeps_its_numbers_and_its_end(house: House) -> None:
    house.start(rule(cooldown="0s"))
    for _ in range(4):
        house.tick(11)
        house.tick(1, after_s=16 * MINUTE_S)
    house.restart()
    house.tick(11)
    numbers = [seq for seq, _ in house.running.transitions(6, 100)]
    assert numbers == [7, 8, 9]
    assert [seq for seq, _ in house.running.transitions(2, 3)] == [3, 4, 5]
    assert [seq for seq, _ in house.running.transitions(None, 2)] == [8, 9]
    assert house.running.transitions(9, 10) == []


def test_the_history_shows_what_could_not_be_saved_yet(house: House) -> None:
    house.start()
    house.tick(11)
    blocker = sqlite3.connect(house.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    house.tick(1)
    assert house.reasons() == ["firing", "resolved"]
    assert [row.reason for _, row in house.running.transitions(None, 1)] == ["resolved"]
    blocker.execute("ROLLBACK")
    blocker.close()
    house.tick(1)
    assert house.reasons() == ["firing", "resolved"]
    assert house.running.problems() == ()
