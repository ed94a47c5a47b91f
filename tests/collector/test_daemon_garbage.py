"""How the daemon spares garbage collection, and leaves it as it was."""

from __future__ import annotations

import gc

import pytest

from llmmon_collector.daemon import spared_garbage_collection


def test_it_is_spared_within_and_as_before_after() -> None:
    before = gc.get_threshold()
    with spared_garbage_collection():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    with pytest.raises(ZeroDivisionError), spared_garbage_collection():
        raise ZeroDivisionError
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_made_meanwhile_are_still_found() -> None:
    with spared_garbage_collection():
        cycle: list[object] = []
        cycle.append(cycle)
        del cycle
        assert gc.collect() > 0
