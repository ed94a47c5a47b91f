"""Who is allowed, what a role may do, whose an agent is, what is told of refusals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmon.protocol.control import METHODS
from llmmon.protocol.keyfile import Grant
from llmmon_collector.clock import ManualClock
from llmmon_collector.security.keyring import Change, Keyring, cuts_viewer
from llmmon_collector.security.owners import Owners
from llmmon_collector.security.refusals import Refusals
from llmmon_collector.security.roles import READS, changes, may_call, may_enter

SHOP, ANNA, BOB = Grant("shop", "agent"), Grant("anna", "operator"), Grant("bob", "viewer")
CHANGING = {"acknowledge", "silence", "end_silence", "reload"}


def test_each_role_enters_its_own_sockets_only() -> None:
    entered = {
        role: [socket for socket in ("ingest", "snapshots", "control") if may_enter(role, socket)]
        for role in ("agent", "viewer", "operator", "nobody")
    }
    assert entered == {
        "agent": ["ingest"],
        "viewer": ["snapshots", "control"],
        "operator": ["snapshots", "control"],
        "nobody": [],
    }
    assert not may_enter("operator", "another")


def test_a_viewer_calls_what_reads_and_an_operator_everything() -> None:
    for method in METHODS:
        assert may_call("operator", method)
        assert not may_call("agent", method)
        assert may_call("viewer", method) is (method in READS)
    assert not CHANGING & READS


def test_a_method_that_nobody_thought_of_is_an_operators_and_written_down() -> None:
    assert not may_call("viewer", "shut_down")
    assert changes("shut_down")


def test_a_keyring_tells_what_came_and_went() -> None:
    before = Keyring({"k1": SHOP, "k2": ANNA, "k3": BOB})
    after = Keyring({"k1": SHOP, "k2": Grant("anna", "viewer"), "k4": BOB})
    assert set(before.changes_to(after)) == {
        Change("k2", ANNA, allowed=False),
        Change("k3", BOB, allowed=False),
        Change("k2", Grant("anna", "viewer"), allowed=True),
        Change("k4", BOB, allowed=True),
    }
    assert list(before.changes_to(before)) == []
    assert after.admits("k1", "ingest")
    assert not after.admits("k3", "control")
    assert after.grants() == [Grant("anna", "viewer"), BOB, SHOP]


def test_viewers_are_cut_when_one_of_them_lost_a_key_and_not_for_agents() -> None:
    assert cuts_viewer([Change("k", BOB, allowed=False)])
    assert not cuts_viewer([Change("k", BOB, allowed=True), Change("k", SHOP, allowed=False)])


def test_an_agent_is_whose_it_was_first() -> None:
    owners = Owners()
    assert owners.claim(b"a1", "shop")
    assert not owners.claim(b"a1", "mall")
    assert owners.claim(b"a1", "shop")
    assert owners.claim(b"a2", "mall")


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["shop", "mall", "flood"]))))
def test_no_holder_makes_anothers_agents_be_forgotten(claims: list[tuple[int, str]]) -> None:
    owners = Owners(most_agents=5)
    assert owners.claim(b"mine", "quiet")
    for number, name in claims:
        owners.claim(b"%d" % number, name)
    assert not owners.claim(b"mine", "flood")
    assert owners.claim(b"mine", "quiet")


def test_the_agent_not_heard_for_longest_is_forgotten_first() -> None:
    owners = Owners(most_agents=2)
    assert all(owners.claim(agent, "shop") for agent in (b"1", b"2", b"1", b"3"))
    assert not owners.claim(b"1", "mall")
    assert owners.claim(b"2", "mall")


def test_refusals_are_counted_for_good_and_told_while_they_are_news() -> None:
    clock = ManualClock(0)
    refusals = Refusals(clock.mono_ns)
    refusals.add("revoked key", "abc...")
    [once] = refusals.news()
    assert once == "refused: revoked key, 1 so far, last from abc...; see `llmmon keys show`"
    refusals.add("revoked key", "shop")
    [twice] = refusals.news()
    assert "revoked key, 2 so far, last from shop" in twice
    clock.advance(301)
    assert refusals.news() == []
    assert refusals.counts == {"revoked key": 2}
