"""What the collectors of a fleet are called, and whose an id is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

_BETWEEN: Final = "/"


def unique_names(told: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each `(name, address)`, its address where the name is empty or not its alone."""
    times = Counter(name for name, _ in told)
    return [name if name and times[name] == 1 else address for name, address in told]


def join_id(name: str, id_: str) -> str:
    """The id in the fleet of what collector `name` calls `id_`."""
    return f"{name}{_BETWEEN}{id_}"


def split_id(text: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Which of the collectors `names` an id is of, and its id there; None where of none."""
    owners = [name for name in names if text.startswith(name + _BETWEEN)]
    if not owners:
        return None
    owner = max(owners, key=len)
    return owner, text[len(owner) + len(_BETWEEN) :]
