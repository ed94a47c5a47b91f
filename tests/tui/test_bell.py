"""When the bell rings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.snapshots import AT_NS, alert

from llmmon_tui.bell import Bell

QUIET = {
    "acknowledged": {"acknowledged_by": "ops"},
    "silenced": {"silenced_until_ns": AT_NS + 10**9},
    "inhibited": {"inhibited_by": "critical_latency"},
    "flapping": {"flapping": True},
    "pending": {"state": "pending"},
    "resolved": {"state": "resolved"},
    "warning": {"severity": "warning"},
}


@pytest.fixture
def bell():
    bell = Bell()
    bell.rings((), AT_NS)
    return bell


def rings(bell, *alerts):
    return bell.rings(alerts, AT_NS)


def test_what_was_there_when_the_screen_opened_does_not_ring():
    bell = Bell()
    assert not rings(bell, alert())
    assert not rings(bell, alert())


def test_each_rings_once_while_it_fires(bell):
    assert rings(bell, alert())
    assert not rings(bell, alert())
    assert rings(bell, alert(), alert(id="b"))


@pytest.mark.parametrize("changes", QUIET.values(), ids=QUIET)
def test_what_is_handled_does_not_ring(bell, changes):
    assert not rings(bell, alert(**changes))


def test_an_escalation_rings(bell):
    assert not rings(bell, alert(severity="warning"))
    assert rings(bell, alert())


def test_back_to_a_warning_and_up_again_does_not_ring_twice(bell):
    assert rings(bell, alert())
    assert not rings(bell, alert(severity="warning"))
    assert not rings(bell, alert())


def test_quiet_hours_do_not_silence_who_looks(bell):
    assert rings(bell, alert(muted_until_ns=AT_NS + 10**9))


def test_one_that_fires_anew_rings_anew(bell):
    assert rings(bell, alert())
    assert not rings(bell, alert(state="resolved"))
    assert rings(bell, alert())


def test_the_end_of_a_silence_rings_for_what_was_never_heard(bell):
    assert not rings(bell, alert(silenced_until_ns=AT_NS + 10**9))
    assert rings(bell, alert())


def test_the_end_of_a_silence_is_no_news_of_what_was(bell):
    assert rings(bell, alert())
    assert not rings(bell, alert(silenced_until_ns=AT_NS + 10**9))
    assert not rings(bell, alert())


looks = st.sampled_from([{}, *QUIET.values()])
histories = st.lists(st.dictionaries(st.sampled_from("abc"), looks, max_size=3), max_size=12)


@given(histories)
def test_it_rings_once_from_firing_to_clear(history):
    """Against a plain count of how often each alert was heard since it last cleared."""
    bell = Bell()
    bell.rings((), AT_NS)
    heard = set()
    for shown in history:
        alerts = tuple(alert(id=id_, **changes) for id_, changes in shown.items())
        firing = {one.id for one in alerts if one.state == "firing"}
        loud = {id_ for id_, changes in shown.items() if not changes}
        expected = any(id_ not in heard for id_ in loud)
        assert bell.rings(alerts, AT_NS) == expected
        heard = (heard & firing) | loud
