"""How the groups of a table have moved since the viewer began to watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmmon.protocol.snapshot import Group, Value, WindowView

COLUMNS: Final = 8
"""Samples kept, one a cell of a spark, spread over one window."""
_SECOND_NS: Final = 1_000_000_000

GroupKey = tuple[tuple[str, str], ...]


def group_key(labels: Mapping[str, str]) -> GroupKey:
    """The identity of a group from one snapshot to the next."""
    return tuple(sorted(labels.items()))


class Trends:
    """Samples of the groups' metrics, one each wall-clock bucket of an eighth of the window.

    What `add` has put in is replaced, never changed: a shallow copy stays as it is.
    """

    def __init__(self, tracked: tuple[str, ...]) -> None:
        self._tracked = tracked
        self._window_s = 0
        self._bucket = -1
        self._samples: dict[GroupKey, tuple[Mapping[str, Value], ...]] = {}

    def add(self, at_ns: int, view: WindowView) -> None:
        """Take the groups of one snapshot; another window than before starts anew."""
        if view.window_s != self._window_s:
            self.clear()
        self._window_s = view.window_s
        bucket = at_ns * COLUMNS // (view.window_s * _SECOND_NS)
        is_same = bucket == self._bucket
        self._bucket = bucket
        self._samples = {
            key: self._sampled(self._samples.get(key, ()), group, is_same)
            for group in view.groups
            if (key := group_key(group.labels))
        }

    def clear(self) -> None:
        """Forget all: the groups now mean something else."""
        self._samples = {}
        self._bucket = -1

    def of(self, labels: Mapping[str, str], metric: str) -> list[Value]:
        """The samples of one group, the newest last; none for a metric that is not tracked."""
        samples = self._samples.get(group_key(labels), ())
        return [sample[metric] for sample in samples if metric in sample]

    def _sampled(
        self, before: tuple[Mapping[str, Value], ...], group: Group, is_same: bool
    ) -> tuple[Mapping[str, Value], ...]:
        sample = {name: group.metrics.get(name) for name in self._tracked}
        kept = before[:-1] if is_same else before
        return (*kept, sample)[-COLUMNS:]
