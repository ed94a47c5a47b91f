"""The groups of a window by the keys of their rows, each made once: there can be a thousand."""

from __future__ import annotations

from collections.abc import Mapping

from llmmon.protocol.snapshot import Group, WindowView


def group_id(labels: Mapping[str, str]) -> str:
    """The key of the row of the group with these labels."""
    return "\0".join(f"{name}={value}" for name, value in labels.items())


class GroupList:
    """Remembers the groups of the window it was last asked for."""

    def __init__(self) -> None:
        self._window: WindowView | None = None
        self._groups: Mapping[str, Group] = {}

    def of(self, window: WindowView | None) -> Mapping[str, Group]:
        """The groups of `window` in its order; none where there is none."""
        if window is not self._window:
            self._window = window
            groups = () if window is None else window.groups
            self._groups = {group_id(one.labels): one for one in groups}
        return self._groups
