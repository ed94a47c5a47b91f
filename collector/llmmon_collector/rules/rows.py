"""Which row of a table is which group, worked out once for as long as the groups stay. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from llmmon.protocol.names import OVERFLOW

LabelKey = tuple[tuple[str, str], ...]
"""A group's labels: in the order of a rule's ``by``, else sorted."""


class RowIndex:
    """The rows of a table by their labels. One object for as long as the labels are the same."""

    def __init__(self, labels: Sequence[dict[str, str]], by: tuple[str, ...] | None) -> None:
        """``by`` orders the labels; None where each row has labels of its own."""
        self.labels = labels
        self.keys: tuple[LabelKey, ...] = tuple(label_key(row, by) for row in labels)
        self.rows: dict[LabelKey, int] = {key: i for i, key in enumerate(self.keys)}
        self.overflow = self.rows.get(tuple((name, OVERFLOW) for name in by)) if by else None
        """The row of what ``max_series`` leaves no room for: without requests it is no group."""

    def __len__(self) -> int:
        return len(self.keys)

    def is_of(self, labels: Sequence[dict[str, str]]) -> bool:
        """Whether it fits a table with these labels."""
        return self.labels is labels or self.labels == labels


def label_key(labels: dict[str, str], by: tuple[str, ...] | None) -> LabelKey:
    """The key of a row with ``labels``."""
    if by is None:
        return tuple(sorted(labels.items()))
    return tuple((name, labels[name]) for name in by)
