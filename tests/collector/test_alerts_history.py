"""Random histories of alerts: what is told is what a plain reference says, whatever goes wrong."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alert_reference import SETUPS, Subject, Told
from support.alert_world import World

from llmmon_collector.notify.notification import Delivery

EXAMPLES = int(os.environ.get("LLMMON_ALERT_HISTORIES", "100"))
"""How many histories of each kind."""

r_values = st.sampled_from([5.0, 5.0, 15.0, 15.0, 25.0, None])
c_values = st.sampled_from([5.0, 5.0, 5.0, 35.0])
ticks = st.tuples(
    st.just("tick"),
    st.sampled_from([1.0, 60.0, 60.0, 300.0, 901.0, 4000.0]),
    st.tuples(r_values, r_values),
    st.tuples(c_values, st.just(5.0)),
)
holds = st.tuples(
    st.just("tick"),
    st.sampled_from([1.0, 30.0, 201.0, 501.0, 901.0]),
    st.just((None, None)),
    st.just((None, None)),
)
"""Time passes and what fires goes on."""
flaps = st.tuples(
    st.just("flap"), st.integers(1, 8), st.sampled_from([10.0, 60.0]), st.sampled_from([15.0, 25.0])
)
hands = st.one_of(
    st.tuples(
        st.just("silence"),
        st.sampled_from(["r", "c", "*"]),
        st.sampled_from(["a", "[ab]", "b*"]),
        st.sampled_from([0.0, 90.0]),
        st.sampled_from([100.0, 1000.0]),
    ),
    st.tuples(st.just("unsilence")),
    st.tuples(st.just("reload"), st.sampled_from(sorted(SETUPS))),
    st.tuples(st.just("blink"), st.sampled_from(["usual", "restless"])),
)
takes = st.tuples(st.just("acknowledge"), st.sampled_from([0, 0, 1, 2]))
restarts = st.tuples(st.just("restart"), st.sampled_from([1.0, 600.0]), st.booleans())
histories = st.lists(
    st.one_of(ticks, ticks, holds, holds, flaps, takes, hands, restarts), min_size=8, max_size=25
)


def act(world: World, step: tuple[Any, ...]) -> list[list[Told]]:
    """Do ``step``; what is to be told after each evaluation that it makes."""
    match step:
        case ("tick", after_s, r, c):
            return [world.tick(after_s, r, c)]
        case ("silence", *what):
            world.silence(*what)
        case ("unsilence",):
            world.unsilence()
        case ("acknowledge", number):
            world.acknowledge(number)
        case ("reload", name):
            return [world.reload(name)]
        case ("restart", after_s, crash):
            return [world.restart(after_s, crash=crash)]
    return []


def spread(step: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A step as simple ones: an alert that flaps comes and goes, a rule that blinks too."""
    if step[0] == "blink":
        return [("reload", "without r"), ("reload", step[1])]
    if step[0] != "flap":
        return [step]
    _, times, every_s, value = step
    on = ("tick", every_s, (value, None), (None, None))
    off = ("tick", every_s, (5.0, None), (None, None))
    return [on, off] * times


@given(histories)
@settings(max_examples=EXAMPLES)
def test_what_is_told_is_what_the_reference_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """Nothing is missed, nothing is told twice, each in its order; all channels deliver."""
    world = World(tmp_path_factory.mktemp("alerts"))
    try:
        for step in (one for many in steps for one in spread(many)):
            for expected in act(world, step):
                assert world.deliver_all() == expected
    finally:
        world.close()


channels = st.sampled_from(["all", "all", "pager", "quiet", "am"])
outcomes = st.sampled_from(["taken", "taken", "answer lost", "down", "refused", "killed"])
deliveries = st.tuples(st.just("deliver"), channels, outcomes)
troubles = st.lists(
    st.one_of(ticks, holds, flaps, takes, deliveries, deliveries, deliveries, hands, restarts),
    min_size=8,
    max_size=40,
)


@given(troubles)
@settings(max_examples=EXAMPLES)
def test_whatever_fails_on_the_way_everybody_ends_up_knowing_the_truth(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    """Channels that fail, lose answers or refuse, a collector that is killed between sending and
    noting, grouping: each firing is ended once, and once all is well, what is believed is so.
    """
    world = World(tmp_path_factory.mktemp("alerts"), group_wait_s=30.0)
    try:
        for step in (one for many in steps for one in spread(many)):
            if step[0] == "deliver":
                world.deliver(*step[1:])
            else:
                act(world, step)
        calm(world)
        check_order(world.arrived, world.unsure)
        believed = beliefs(world.arrived)
        for subject in world.reference.subjects:
            for channel in ("all", "pager", "am"):
                place = (channel, subject.rule, subject.model)
                assert (place in believed) in expected_beliefs(world, channel, subject)
    finally:
        world.close()


def calm(world: World) -> None:
    """All is well again for long enough: no mute, no flapping, no cooldown."""
    world.reload("usual")
    world.unsilence()
    for _ in range(3):
        world.tick(4000.0, (None, None), (None, None))
        world.tick(31.0, (None, None), (None, None))
        world.deliver_all()


def check_order(arrived: list[Delivery], unsure: set[tuple[str, str]]) -> None:
    """Of each incident a channel hears first that it fires, and once that it is over.

    What came twice because nobody noted that it was sent is counted once. Of ``unsure`` the
    collector could not know what was heard, so it may say again that it is over.
    """
    fires: dict[tuple[str, str], bool] = defaultdict(bool)
    seen: set[tuple[Any, ...]] = set()
    for delivery in arrived:
        identity = (delivery.channel, delivery.number, delivery.created_ns, delivery.key)
        if identity in seen:
            continue
        seen.add(identity)
        place = (delivery.channel, delivery.key)
        assert delivery.event == "firing" or fires[place] or place in unsure, delivery
        fires[place] = delivery.event != "resolved"


def expected_beliefs(world: World, channel: str, subject: Subject) -> set[bool]:
    """Whether ``channel`` should believe that ``subject`` fires; both where either may be."""
    if world.reference.muted(subject, world.now_s):
        return {True, False}
    if channel == "pager" and subject.severity == "warning":
        return {True, False}  # it may have been worse before
    if (channel, subject.rule, subject.model) in world.refused and subject.acknowledged:
        return {True, False}  # it is not repeated to those that would not hear of it
    return {subject.severity is not None}


def beliefs(arrived: list[Delivery]) -> set[tuple[str, str, str]]:
    """Channels with the rules and models of which they believe that an incident goes on."""
    fires: dict[tuple[str, str, str, str], bool] = {}
    for delivery in arrived:
        alert = delivery.alert
        place = (delivery.channel, alert.rule, alert.labels["model"], delivery.key)
        fires[place] = delivery.event != "resolved"
    return {place[:3] for place, fire in fires.items() if fire}
