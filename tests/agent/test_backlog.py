"""The queue of packed batches against a plain list."""

from hypothesis import given
from hypothesis import strategies as st

from llmmon.delivery.backlog import Backlog, Sealed

ACTIONS = st.lists(st.one_of(st.integers(0, 2), st.sampled_from(["pop", "drop"])), max_size=60)


@given(ACTIONS)
def test_pops_the_oldest_and_drops_the_oldest_of_the_lowest_rank(actions: list[int | str]) -> None:
    backlog, model = Backlog(), list[Sealed]()
    for number, action in enumerate(actions):
        if isinstance(action, int):
            sealed = Sealed(b"x" * number, number, action, number)
            backlog.append(sealed)
            model.append(sealed)
        elif action == "drop":
            dropped = min(model, key=lambda s: (s.rank, s.first_event), default=None)
            assert backlog.drop() == dropped
            if dropped is not None:
                model.remove(dropped)
        elif model:
            assert backlog.pop() == model.pop(0)
        assert backlog.oldest == (model[0] if model else None)
        assert backlog.events == sum(s.events for s in model)
        assert backlog.bytes == sum(s.cost_bytes for s in model)
