"""When a check flaps and when it is slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.health.outcome import STATUSES, Status
from llmmon_collector.health.steadiness import RUNS, Steadiness

LETTERS: dict[str, Status] = {"o": "ok", "d": "degraded", "f": "failing", "u": "unknown"}


def after(outcomes: str, took_ms: float = 1.0) -> Steadiness:
    steadiness = Steadiness()
    for letter in outcomes:
        steadiness = steadiness.after(LETTERS[letter], took_ms, 1.0)
    return steadiness


@pytest.mark.parametrize(
    ("outcomes", "flapping"),
    [
        ("", False),
        ("o" * 30, False),
        ("f" * 30, False),
        ("ofo", False),
        ("ofof", False),
        ("ofofo", True),
        ("odododod", False),
        ("oufuoufuo", True),
        ("ofofo" + "o" * 16, False),
        ("ofofo" + "o" * 15, True),
        ("ofofo" + "u" * 30, True),
    ],
)
def test_flapping_is_four_changes_within_twenty_runs(outcomes: str, flapping: bool) -> None:
    assert after(outcomes).flapping is flapping


def test_slow_is_three_runs_over_half_the_time_out() -> None:
    assert not after("oo", took_ms=501.0).slow
    slow = after("ooo", took_ms=501.0)
    assert slow.slow
    assert not slow.after("ok", 500.0, 1.0).slow
    assert after("fff", took_ms=1000.0).slow


@given(st.lists(st.sampled_from(STATUSES), max_size=60))
def test_only_so_much_is_remembered(outcomes: list[Status]) -> None:
    steadiness = Steadiness()
    for outcome in outcomes:
        steadiness = steadiness.after(outcome, 1.0, 1.0)
    told = [outcome != "failing" for outcome in outcomes if outcome != "unknown"]
    assert list(steadiness.good) == told[-RUNS:]
