from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.dispatching import WALL_NS, alert

from llmmon_collector.notify.notification import Delivery, Event, Slot
from llmmon_collector.notify.outbox import DEADLINE_S, MAX_WAITING, Outbox


def put(outbox: Outbox, event: Event, key: str = "k", channel: str = "c") -> None:
    outbox.put(channel, event, alert(key, severity="warning"), WALL_NS)


def take(outbox: Outbox, channel: str = "c", limit: int = 10) -> tuple[Delivery, ...]:
    return outbox.take(channel, 0, WALL_NS, limit)


def events(deliveries: tuple[Delivery, ...]) -> list[tuple[str, str]]:
    return [(delivery.key, delivery.event) for delivery in deliveries]


def test_deliveries_come_in_order_a_batch_at_a_time() -> None:
    outbox = Outbox()
    for key in "abc":
        put(outbox, "firing", key)
    put(outbox, "firing", "x", channel="other")
    assert events(take(outbox, limit=2)) == [("a", "firing"), ("b", "firing")]
    assert events(take(outbox, limit=2)) == [("c", "firing")]
    assert take(outbox) == ()


def test_a_resolve_supersedes_an_unsent_trigger_and_goes_with_it() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    put(outbox, "resolved")
    assert outbox.waiting("c") == 0


def test_a_resolve_follows_a_trigger_that_was_sent_or_may_have_arrived() -> None:
    sent, unsure = Outbox(), Outbox()
    put(sent, "firing")
    sent.sent(take(sent))
    put(unsure, "firing")
    unsure.retry(take(unsure), due_ns=0)
    for outbox in (sent, unsure):
        put(outbox, "resolved")
        assert events(take(outbox)) == [("k", "resolved")]
    assert sent.is_told("k")
    sent.sent(take(sent))


def test_a_resolve_waits_behind_a_trigger_in_flight() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    flying = take(outbox)
    put(outbox, "resolved")
    outbox.retry(flying, due_ns=0)
    resolve = take(outbox)
    assert events(resolve) == [("k", "resolved")]
    outbox.sent(resolve)
    assert (outbox.waiting("c"), outbox.is_told("k")) == (0, False)


def test_nobody_hears_the_end_of_what_was_refused() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    flying = take(outbox)
    put(outbox, "resolved")
    outbox.failed(flying)
    assert outbox.waiting("c") == 0
    assert outbox.given_up["c"] == 1


def test_only_the_newest_of_one_alert_waits() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    outbox.put("c", "firing", alert(severity="critical"), WALL_NS)
    (delivery,) = take(outbox)
    assert delivery.alert.severity == "critical"


def test_a_retry_waits_until_it_is_due_and_others_do_not() -> None:
    outbox = Outbox()
    put(outbox, "firing", "a")
    put(outbox, "firing", "b")
    outbox.retry(take(outbox, limit=1), due_ns=100)
    assert events(outbox.take("c", 99, WALL_NS, 10)) == [("b", "firing")]
    (late,) = outbox.take("c", 100, WALL_NS, 10)
    assert (late.key, late.attempts) == ("a", 2)


def test_what_waits_a_day_or_behind_a_thousand_is_given_up() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    assert outbox.take("c", 0, WALL_NS + DEADLINE_S * 10**9 + 1, 10) == ()
    for number in range(MAX_WAITING + 3):
        put(outbox, "firing", str(number))
    assert outbox.waiting("c") == MAX_WAITING
    assert take(outbox)[0].key == "3"
    assert outbox.given_up["c"] == 4


def test_a_broken_off_attempt_is_taken_again() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    outbox.release(take(outbox))
    assert events(take(outbox)) == [("k", "firing")]


def test_channels_that_are_gone_are_forgotten() -> None:
    outbox = Outbox(told=[("old", "k")])
    put(outbox, "firing", channel="old")
    outbox.keep_channels(["new"])
    assert (outbox.waiting("old"), outbox.is_told("k")) == (0, False)


def test_only_deliveries_of_one_group_go_together() -> None:
    outbox = Outbox()
    for key, group in (("a", "x"), ("b", "y"), ("c", "x")):
        outbox.put("c", "firing", alert(key), WALL_NS, Slot(group))
    assert events(take(outbox)) == [("a", "firing"), ("c", "firing")]
    assert events(take(outbox)) == [("b", "firing")]


def test_a_group_goes_when_its_first_is_due_and_no_later() -> None:
    outbox = Outbox()
    outbox.put("c", "firing", alert("a"), WALL_NS, Slot("x", 100))
    outbox.put("c", "firing", alert("b"), WALL_NS, Slot("x", 150))
    outbox.put("c", "firing", alert("a"), WALL_NS, Slot("x", 160))
    outbox.put("c", "firing", alert("other"), WALL_NS, Slot("y", 150))
    assert outbox.take("c", 99, WALL_NS, 10) == ()
    assert events(outbox.take("c", 100, WALL_NS, 10)) == [("b", "firing"), ("a", "firing")]
    outbox.put("c", "firing", alert("late"), WALL_NS, Slot("x", 300))
    assert events(outbox.take("c", 299, WALL_NS, 10)) == [("other", "firing")]


def test_what_has_left_a_group_does_not_hurry_it() -> None:
    outbox = Outbox()
    outbox.put("c", "firing", alert("a"), WALL_NS, Slot("x", 100))
    put(outbox, "resolved", "a")
    outbox.put("c", "firing", alert("b"), WALL_NS, Slot("x", 150))
    assert outbox.take("c", 149, WALL_NS, 10) == ()


def test_an_acknowledgement_follows_what_it_is_about() -> None:
    outbox = Outbox()
    assert not outbox.put("c", "acknowledged", alert(), WALL_NS)
    put(outbox, "firing")
    put(outbox, "acknowledged")
    put(outbox, "acknowledged")
    firing = take(outbox)
    assert events(firing) == [("k", "firing")]
    assert take(outbox) == ()
    outbox.retry(firing, due_ns=50)
    assert take(outbox) == ()
    outbox.sent(outbox.take("c", 50, WALL_NS, 10))
    taken = take(outbox)
    assert events(taken) == [("k", "acknowledged")]
    outbox.sent(taken)
    assert (outbox.waiting("c"), outbox.is_told("k")) == (0, True)


def test_what_gets_worse_supersedes_the_acknowledgement() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    put(outbox, "acknowledged")
    outbox.put("c", "firing", alert(severity="critical"), WALL_NS)
    (delivery,) = take(outbox)
    assert (delivery.event, delivery.alert.severity) == ("firing", "critical")


def test_an_acknowledgement_of_what_was_refused_goes_with_it() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    put(outbox, "acknowledged")
    outbox.failed(take(outbox))
    assert outbox.waiting("c") == 0


def test_what_may_have_been_heard_before_something_newer_is_ended() -> None:
    """A firing that was tried in vain, as far as one knows, and superseded."""
    before, during, given_up = Outbox(), Outbox(), Outbox()
    put(before, "firing")
    before.retry(take(before), due_ns=0)
    put(before, "firing")
    put(during, "firing")
    flying = take(during)
    put(during, "firing")
    during.retry(flying, due_ns=0)
    put(given_up, "firing")
    given_up.retry(take(given_up), due_ns=0)
    assert given_up.take("c", 0, WALL_NS + DEADLINE_S * 10**9 + 1, 10) == ()
    for outbox in (before, during, given_up):
        assert outbox.put("c", "resolved", alert(), WALL_NS)
        assert events(take(outbox)) == [("k", "resolved")]


def test_a_withdrawn_alert_is_no_longer_told_nor_known() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    assert not outbox.withdraw("c", "k")
    assert outbox.waiting("c") == 0
    put(outbox, "firing")
    flying = take(outbox)
    assert outbox.withdraw("c", "k")
    outbox.sent(flying)
    assert (outbox.waiting("c"), outbox.is_told("k")) == (0, False)
    put(outbox, "firing")
    flying = take(outbox)
    outbox.withdraw("c", "k")
    outbox.retry(flying, due_ns=0)
    outbox.failed(flying)
    assert (outbox.waiting("c"), outbox.given_up["c"]) == (0, 0)


def test_a_clock_that_is_set_makes_nothing_old() -> None:
    outbox = Outbox()
    put(outbox, "firing")
    moved_ns = 2 * DEADLINE_S * 10**9
    outbox.set_clock(moved_ns)
    assert outbox.oldest_ns("c") == WALL_NS + moved_ns
    assert events(outbox.take("c", 0, WALL_NS + moved_ns, 10)) == [("k", "firing")]


class Copy:
    """What is on disk when every change is saved."""

    def __init__(self) -> None:
        self.waiting: dict[int, Delivery] = {}
        self.told: set[tuple[str, str]] = set()

    def apply(self, outbox: Outbox) -> None:
        for number, delivery in outbox.changes.deliveries.items():
            if delivery is None:
                self.waiting.pop(number, None)
            else:
                self.waiting[number] = delivery
        for told, on in outbox.changes.told.items():
            (self.told.add if on else self.told.discard)(told)
        outbox.saved()

    def reopened(self) -> Outbox:
        return Outbox(self.waiting.values(), self.told)


class Channel:
    """One channel's far side, the truth about its alerts, and the outbox between them."""

    def __init__(self) -> None:
        self.outbox, self.copy = Outbox(), Copy()
        self.truth: dict[str, str] = {}
        self.believed: dict[str, str] = {}
        self.refused: set[str] = set()
        self.unsure: set[str] = set()
        """What may have been heard, for all that the near side knows."""

    def change(self, event: Event, key: str) -> None:
        if event == "acknowledged":
            if self.truth.get(key) == "firing":
                put(self.outbox, event, key)
        elif event == "firing" or self.truth.get(key) == "firing":
            self.truth[key] = event
            self.refused.discard(key)
            put(self.outbox, event, key)

    def attempt(self, outcome: str, limit: int = 1) -> None:
        batch = take(self.outbox, limit=limit)
        self.copy.apply(self.outbox)
        if outcome in ("sent", "unanswered", "killed"):
            self.hear(batch)
        if outcome == "sent":
            self.outbox.sent(batch)
        elif outcome == "refused" and all(delivery.event == "firing" for delivery in batch):
            self.refused.update(delivery.key for delivery in batch)
            self.outbox.failed(batch)
        elif outcome == "killed":
            self.crash()
        else:
            self.unsure.update(delivery.key for delivery in batch)
            self.outbox.retry(batch, 0)

    def hear(self, batch: tuple[Delivery, ...]) -> None:
        for delivery in batch:
            if delivery.event == "acknowledged":
                known = self.believed.get(delivery.key) == "firing"
                assert known or delivery.key in self.unsure
            else:
                self.believed[delivery.key] = delivery.event

    def crash(self) -> None:
        self.outbox = self.copy.reopened()


CHANGES = ("firing", "resolved", "acknowledged")
OUTCOMES = ("sent", "refused", "lost", "unanswered", "killed")
actions = st.tuples(st.sampled_from([*CHANGES, *OUTCOMES, "crash"]), st.sampled_from("ab"))


@given(st.lists(actions, max_size=30))
def test_the_far_side_ends_up_knowing_the_truth(steps: list[tuple[str, str]]) -> None:
    """Whatever fails on the way, a channel that recovers believes what is so.

    What a channel refused for good is the exception: of that it never hears.
    """
    channel = Channel()
    for action, key in steps:
        match action:
            case "firing" | "resolved" | "acknowledged":
                channel.change(action, key)
            case "crash":
                channel.crash()
            case _:
                channel.attempt(action)
        channel.copy.apply(channel.outbox)
    for _ in range(3):
        channel.attempt("sent", limit=10)
    assert channel.outbox.waiting("c") == 0
    for key in channel.truth.keys() - channel.refused:
        assert channel.believed.get(key, "resolved") == channel.truth[key]
