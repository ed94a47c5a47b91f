"""Under pressure a share of log lines and spans is kept, and every score."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmmon.delivery.sampling import MOST_SHIFT, Sampler, shift_at


def test_the_share_halves_in_even_steps_from_three_quarters_on() -> None:
    assert [shift_at(p) for p in (0.0, 0.5, 0.75, 0.76, 0.78, 0.9, 0.98, 1.0, 9.0)] == [
        *(0, 0, 0, 1, 2, 7, 10, 10, 10)
    ]


@given(st.lists(st.sampled_from(["log", "span", "score"]), max_size=200), st.floats(0, 1.5))
def test_one_of_so_many_is_kept(kinds: list[str], pressure: float) -> None:
    rows: list[Any] = [(kind, {"n": n}) for n, kind in enumerate(kinds)]
    kept = Sampler().keep(rows, pressure)
    assert kept == [row for row in rows if row in kept]
    assert [row for row in kept if row[0] == "score"] == [row for row in rows if row[0] == "score"]
    sampled = sum(kind != "score" for kind in kinds)
    assert sum(row[0] != "score" for row in kept) == sampled >> shift_at(pressure)


def test_the_turn_goes_on_from_one_call_to_the_next() -> None:
    sampler = Sampler()
    rows: list[Any] = [("log", {})] * 100
    kept = sum(len(sampler.keep(rows, 1.0)) for _ in range(1024))
    assert kept == 100 * 1024 >> MOST_SHIFT
