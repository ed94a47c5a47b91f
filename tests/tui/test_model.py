from dataclasses import replace

import pytest
from support.snapshots import AT_NS, busy_snapshot, empty_snapshot
from support.viewer_data import request_row

from llmmon_tui.history import History
from llmmon_tui.link import LinkState
from llmmon_tui.model import Model
from llmmon_tui.rows import parse_row
from llmmon_tui.view import View

SECOND = 10**9
ADDRESS = "tcp://collector:5557"


@pytest.fixture
def model():
    return Model(ADDRESS, View())


def arrive(model, seq=1, at_s=0, missed=0, **changes):
    at_ns = AT_NS + at_s * SECOND
    model.arrive(busy_snapshot(seq=seq, at_ns=at_ns, **changes), missed, at_ns)


def at(seconds):
    return AT_NS + int(seconds * SECOND)


def test_before_the_first_snapshot(model):
    picture = model.picture(AT_NS)
    assert picture.link.state is LinkState.CONNECTING
    assert (picture.snapshot, picture.window, picture.age_s) == (None, None, None)
    assert picture.total == {}
    assert not picture.is_stale
    assert not picture.is_empty


def test_live_then_stale_by_the_age_of_the_data(model):
    arrive(model)
    assert model.picture(at(2.9)).link.state is LinkState.LIVE
    assert not model.picture(at(2.9)).is_stale
    assert model.picture(at(3.1)).is_stale
    assert model.picture(at(3.1)).age_s == pytest.approx(3.1)


def test_losing_the_collector_keeps_the_last_picture(model):
    model.lose("no answer", 1, at(1))
    assert model.picture(AT_NS).link.state is LinkState.CONNECTING
    arrive(model)
    model.lose("no answer", 1, at(1))
    picture = model.picture(at(1))
    assert picture.link.state is LinkState.RECONNECTING
    assert picture.is_stale
    assert picture.snapshot is not None
    arrive(model, seq=2, at_s=2)
    assert model.picture(at(2)).link.state is LinkState.LIVE


def test_mismatch(model):
    model.mismatch("protocol version 2, expected 1", at(5))
    assert model.picture(AT_NS).link.state is LinkState.MISMATCH


def test_an_empty_collector(model):
    model.arrive(empty_snapshot(), 0, AT_NS)
    assert model.picture(AT_NS).is_empty


def test_missed_snapshots_add_up_and_call_for_history(model):
    arrive(model)
    model.history_request(AT_NS)
    arrive(model, seq=4, at_s=1, missed=2)
    arrive(model, seq=9, at_s=2, missed=4)
    assert model.picture(at(2)).missed == 6
    assert model.history_request(at(2)) is not None


def test_each_change_gives_another_version_and_time_alone_does_not(model):
    arrive(model)
    before = model.picture(AT_NS).version
    assert model.picture(at(1)).version == before
    model.choose(View(window_s=60))
    assert model.picture(AT_NS).version != before


def test_a_pause_holds_what_is_shown_and_lets_alerts_through(model):
    arrive(model)
    model.add_rows([parse_row(request_row(1))])
    model.toggle_pause(AT_NS)
    labels = model.picture(AT_NS).window.groups[0].labels
    arrive(model, seq=2, at_s=60, alerts=())
    model.add_rows([parse_row(request_row(0))])
    picture = model.picture(at(60))
    assert (picture.snapshot.seq, picture.live.seq) == (1, 2)
    assert len(picture.trends.of(labels, "error_rate")) == 1
    assert len(picture.tail) == 1
    assert picture.held.since_ns == AT_NS
    assert picture.at_ns == AT_NS
    model.toggle_pause(at(60))
    picture = model.picture(at(60))
    assert len(picture.trends.of(labels, "error_rate")) == 2
    assert (picture.snapshot.seq, len(picture.tail), picture.held) == (2, 2, None)


def test_there_must_be_something_to_hold(model):
    model.toggle_pause(AT_NS)
    assert model.picture(AT_NS).held is None


def test_history_is_asked_for_once_and_again_when_a_bucket_has_closed(model):
    assert model.history_request(AT_NS) is None
    arrive(model)
    params = model.history_request(AT_NS)
    assert params == {"window_s": 300, "end_ns": None, "where": {}}
    assert model.history_request(at(1)) is None
    model.set_history(History(300, 0, 3 * SECOND, {}, AT_NS), {}, at(1))
    assert model.history_request(at(3.9)) is None
    assert model.history_request(at(4)) is not None


def test_an_answer_that_never_came_is_asked_for_again(model):
    arrive(model)
    assert model.history_request(AT_NS) is not None
    assert model.history_request(at(5)) is not None


def test_another_window_wants_its_own_history(model):
    arrive(model)
    model.history_request(AT_NS)
    model.set_history(History(300, 0, SECOND, {}, AT_NS), {}, AT_NS)
    model.choose(View(window_s=60))
    assert model.picture(AT_NS).history is None
    assert model.history_request(AT_NS)["window_s"] == 60
    model.set_history(History(300, 0, SECOND, {}, AT_NS), {}, AT_NS)
    assert model.picture(AT_NS).history is None
    model.set_history(History(60, 0, SECOND, {}, AT_NS), {}, AT_NS)
    assert model.picture(AT_NS).history.window_s == 60


def test_a_paused_picture_asks_for_the_past_up_to_the_pause(model):
    arrive(model)
    model.toggle_pause(AT_NS)
    arrive(model, seq=2, at_s=60)
    model.choose(View(window_s=3600))
    assert model.history_request(at(60)) == {"window_s": 3600, "end_ns": AT_NS, "where": {}}
    model.set_history(History(3600, 0, SECOND, {}, AT_NS), {}, at(60), AT_NS)
    assert model.history_request(at(600)) is None


def test_narrowed_to_one_group(model):
    arrive(model)
    labels = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    model.choose(View(where=labels))
    assert model.picture(AT_NS).total["error_rate"] == 0.004
    assert model.history_request(AT_NS)["where"] == labels
    model.choose(View(where={"model": "gone"}))
    assert model.picture(AT_NS).total == {}


def test_a_window_that_the_collector_does_not_keep_shows_the_nearest(model):
    arrive(model)
    model.choose(replace(model.view, window_s=900))
    assert model.picture(AT_NS).window.window_s == 300
    assert model.history_request(AT_NS)["window_s"] == 300


def test_a_live_history_that_comes_after_the_pause_is_not_that_of_the_pause(model):
    model.arrive(busy_snapshot(), 0, AT_NS)
    model.toggle_pause(AT_NS)
    model.set_history(History(300, 0, SECOND, {}, AT_NS), {}, at(1))
    assert model.picture(at(1)).history is None
