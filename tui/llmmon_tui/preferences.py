"""What the screen remembers of its operator, as the object in a settings file.

Two screens may be open at once: what one has changed goes into what the file holds by then, so
that neither undoes the other. Members that this release does not know, or cannot use, stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import GROUPINGS
from llmmon_tui.filtering.saved import Views, find, from_plain, to_plain

FILTERS_KEPT: Final = 50
_CHOICES: Final = ("theme", "window_s", "by", "utc", "compare", "bell")


@dataclass(frozen=True, slots=True)
class Preferences:
    """Choices of earlier runs; None where none was made."""

    theme: str | None = None
    window_s: int | None = None
    by: str | None = None
    utc: bool | None = None
    compare: bool | None = None
    bell: bool | None = None
    filters: tuple[str, ...] = ()
    """Filters that were typed, the newest first."""
    views: Views = ()


class Fault(NamedTuple):
    """A member that cannot be used."""

    path: tuple[str | int, ...]
    reason: str
    """Names the member and what was expected."""


def read_preferences(
    document: Mapping[str, Any], themes: Collection[str]
) -> tuple[Preferences, tuple[Fault, ...]]:
    """What an object says, and what in it is wrong: that counts as not chosen."""
    checks = _checks(themes)
    faults = [
        Fault((name,), f"{name}: expected {expected}, not {document[name]!r:.40}")
        for name, (expected, is_fine) in checks.items()
        if name in document and not is_fine(document[name])
    ]
    wrong = {fault.path[0] for fault in faults}
    fine = {name: document[name] for name in checks if name in document and name not in wrong}
    views, view_faults = _read_views(document.get("views", []))
    filters = tuple(fine.pop("filters", ()))
    return Preferences(**fine, filters=filters, views=views), (*faults, *view_faults)


def merge(document: Mapping[str, Any], before: Preferences, after: Preferences) -> dict[str, Any]:
    """The object with what has changed from `before` to `after`, and nothing else."""
    merged = dict(document)
    for name in _CHOICES:
        value = getattr(after, name)
        if value == getattr(before, name):
            continue
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = value
    if after.filters != before.filters:
        merged["filters"] = _merge_filters(document.get("filters"), after.filters)
    if after.views != before.views:
        merged["views"] = _merge_views(document.get("views"), before.views, after.views)
    return merged


def remember_filter(preferences: Preferences, text: str) -> Preferences:
    """The same with a filter as the newest; blank ones are not worth it."""
    text = text.strip()
    if not text:
        return preferences
    older = (known for known in preferences.filters if known != text)
    return replace(preferences, filters=(text, *older)[:FILTERS_KEPT])


def option_defaults(preferences: Preferences) -> dict[str, Any]:
    """Defaults for the options of the command line, by their parameters' names."""
    window_s = preferences.window_s
    told = {
        "theme": preferences.theme,
        "window_s": None if window_s is None else f"{window_s}s",
        "by": preferences.by,
        "bell": preferences.bell,
    }
    return {name: value for name, value in told.items() if value is not None}


def _checks(themes: Collection[str]) -> dict[str, tuple[str, Callable[[Any], bool]]]:
    def is_one_of(names: Collection[str]) -> Callable[[Any], bool]:
        return lambda value: isinstance(value, str) and value in names

    truth = ("true or false", lambda value: isinstance(value, bool))
    return {
        "theme": (f"one of {', '.join(themes)}", is_one_of(themes)),
        "window_s": ("whole seconds above 0", lambda value: type(value) is int and value > 0),
        "by": (f"one of {', '.join(GROUPINGS)}", is_one_of(GROUPINGS)),
        "utc": truth,
        "compare": truth,
        "bell": truth,
        "filters": ("a list of texts", _is_texts),
    }


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _read_views(plain: Any) -> tuple[Views, list[Fault]]:
    if not isinstance(plain, list):
        return (), [Fault(("views",), f"views: expected a list of views, not {plain!r:.40}")]
    views: Views = ()
    faults: list[Fault] = []
    for place, item in enumerate(plain):
        where = f"views[{place}]"
        try:
            (view,) = from_plain([item])
        except SchemaError as error:
            reason = where + str(error).removeprefix("views[0]")
            faults.append(Fault(("views", place), reason))
            continue
        if find(views, view.name) is None:
            views = (*views, view)
        else:
            reason = f"{where}.name: {view.name!r} is there twice; rename one"
            faults.append(Fault(("views", place), reason))
    return views, faults


def _merge_filters(stored: Any, mine: tuple[str, ...]) -> list[str]:
    if not mine or not _is_texts(stored):
        return list(mine)
    return [*mine, *(text for text in stored if text not in mine)][:FILTERS_KEPT]


def _merge_views(stored: Any, before: Views, after: Views) -> list[Any]:
    """The stored views with mine that are new or other in their places, without those I removed."""
    changed = {
        view.name.casefold(): plain
        for view, plain in zip(after, to_plain(after), strict=True)
        if view not in before
    }
    removed = {view.name.casefold() for view in before if find(after, view.name) is None}
    merged = []
    for item in stored if isinstance(stored, list) else []:
        name = _view_name(item)
        if name not in removed:
            merged.append(changed.pop(name, item))
    return [*merged, *changed.values()]


def _view_name(item: Any) -> str:
    """What tells a view from others; empty where it has no name."""
    name = item.get("name") if isinstance(item, dict) else None
    return name.casefold() if isinstance(name, str) else ""
