"""From outcomes to a status: thresholds in a row, grace, and when a status began."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.health.debounce import DebounceState, begin, step
from llmmon_collector.health.model import InternalCheck
from llmmon_collector.health.outcome import STATUSES, Status

SECOND_NS = 1_000_000_000
SPEC = InternalCheck(name="x", failures=3, successes=2, grace=60.0)


def run(outcomes: str, start_s: float = 0.0, spec: InternalCheck = SPEC) -> list[str]:
    """Statuses after each of ``outcomes`` (o, d, f, u), ten seconds apart."""
    letters: dict[str, Status] = {"o": "ok", "d": "degraded", "f": "failing", "u": "unknown"}
    state, shown = begin(spec, 0, 0), []
    for number, letter in enumerate(outcomes):
        now_ns = round((start_s + 10 * number) * SECOND_NS)
        state = step(state, letters[letter], spec, now_ns, now_ns)
        shown.append(state.status[0])
    return shown


def test_fails_after_three_in_a_row_and_recovers_after_two() -> None:
    assert "".join(run("offofffofooo")) == "ooooooffffoo"
    assert "".join(run("ofoffof")) == "ooooooo"


def test_failures_in_the_grace_only_degrade() -> None:
    assert "".join(run("fffffff")) == "ddddddf"
    assert "".join(run("fff", start_s=61)) == "ddf"


def test_a_wall_clock_that_is_set_back_does_not_prolong_the_grace() -> None:
    state = begin(SPEC, 3600 * SECOND_NS, 0)
    for mono_s in (50, 60, 70):
        state = step(state, "failing", SPEC, mono_s * SECOND_NS, mono_s * SECOND_NS)
    assert state.status == "failing"


def test_the_first_success_ends_the_grace() -> None:
    assert "".join(run("offf")) == "ooof"


def test_unknown_neither_fails_nor_recovers() -> None:
    assert "".join(run("offuff")) == "oooudd"
    assert "".join(run("offfuuoo")) == "oooffffo"


def test_since_moves_only_with_the_status() -> None:
    state = begin(SPEC, 5, 5)
    state = step(state, "ok", SPEC, 10, 10)
    state = step(state, "ok", SPEC, 20, 20)
    assert state.since_ns == 10
    state = step(state, "degraded", SPEC, 30, 30)
    assert state.since_ns == 30


@given(st.lists(st.sampled_from(STATUSES), max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_failing_needs_enough_failures_in_a_row(
    outcomes: list[Status], failures: int, successes: int
) -> None:
    spec = InternalCheck(name="x", failures=failures, successes=successes, grace=0.0)
    state: DebounceState = begin(spec, 0, 0)
    for number, outcome in enumerate(outcomes):
        before = state.status
        state = step(state, outcome, spec, number + 1, number + 1)
        recent = outcomes[max(0, number + 1 - failures) : number + 1]
        if state.status == "failing" and before != "failing":
            assert recent == ["failing"] * failures
        if before == "failing" and state.status != "failing":
            tail = outcomes[number + 1 - successes : number + 1]
            assert set(tail) <= {"ok", "degraded"}
