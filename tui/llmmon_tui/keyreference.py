"""The keys as tables for the documentation, made from the bindings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from llmmon_tui.keys import FIXED, KEYS, Key
from llmmon_tui.places import PLACES

BEGIN: Final = "<!-- keys: made from the bindings by `make screenshots` -->"
END: Final = "<!-- end of keys -->"
_OFFERED: Final = "screen"
_Entry = tuple[str, str, str]
"""Keys, what they do, and where."""


def key_reference(
    own: Mapping[str, Sequence[Key]], offers: Mapping[str, frozenset[str]]
) -> list[str]:
    """Lines of Markdown: keys of all screens, then those of single ones.

    `own` are the keys that only one screen has, by its title; `offers` the actions of common keys
    that a screen carries out, by its id.
    """
    common = [(key.spelled, _meaning(key), _where(key, offers)) for key in KEYS]
    common += [(keys, meaning, "") for keys, meaning in FIXED]
    single = [
        (key.spelled, _meaning(key, title), title) for title, keys in own.items() for key in keys
    ]
    return [*_table(common), "", "Keys of one screen:", "", *_table(single)]


def with_reference(page: str, lines: Sequence[str]) -> str:
    """`page` with `lines` between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN!r} or {END!r}")
    return "\n".join([before + BEGIN, "", *lines, "", END]) + after


def _table(entries: Iterable[_Entry]) -> list[str]:
    rows = [f"| {_code(keys)} | {meaning} | {where} |" for keys, meaning, where in entries]
    return ["| key | does | where |", "| --- | --- | --- |", *rows]


def _meaning(key: Key, title: str = "") -> str:
    """Without the name of the screen, which has a column; whether `--readonly` takes it away."""
    told = key.meaning.removeprefix(f"{title}: ")
    return f"{told[:1].upper()}{told[1:]}{' †' if key.acts else ''}"


def _where(key: Key, offers: Mapping[str, frozenset[str]]) -> str:
    if key.scope != _OFFERED:
        return ""
    return ", ".join(place.title for place in PLACES if key.action in offers.get(place.id, ()))


def _code(keys: str) -> str:
    """`?, F1` with each key as code."""
    return ", ".join(f"`{key}`" for key in keys.split(", "))
