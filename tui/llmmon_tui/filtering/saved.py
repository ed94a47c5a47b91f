"""Views that are kept under a name, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from llmmon.errors import SchemaError
from llmmon.protocol.snapshot import GROUPINGS

MOST_NAME: Final = 40
"""Characters of a name."""
MOST_FILTER: Final = 1000
"""Characters of a filter."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter with the grouping, window, order and screen that it is looked at with."""

    name: str
    filter: str = ""
    by: str = "model"
    window_s: int = 300
    sort: str | None = None
    """Key of a column; None follows what breaches."""
    screen: str = "overview"


Views = tuple[SavedView, ...]
_FIELDS: Final = tuple(field.name for field in fields(SavedView))


def find(views: Iterable[SavedView], name: str) -> SavedView | None:
    """The view of this name, however its letters are written."""
    return next((view for view in views if view.name.casefold() == name.casefold()), None)


def add(views: Views, view: SavedView, *, overwrite: bool = False) -> Views:
    """The views with one more, or with this one in the place of its namesake.

    Raises:
        SchemaError: the view is not valid, or the name is taken and `overwrite` is off.
    """
    _check(view, "view")
    known = find(views, view.name)
    if known is None:
        return (*views, view)
    if not overwrite:
        raise SchemaError(f"view: there is already one named {known.name!r}")
    return tuple(view if one is known else one for one in views)


def remove(views: Views, name: str) -> Views:
    """The views without the one of this name.

    Raises:
        SchemaError: there is none.
    """
    gone = _existing(views, name)
    return tuple(one for one in views if one is not gone)


def rename(views: Views, name: str, new: str) -> Views:
    """The views with another name for one of them, in its old place.

    Raises:
        SchemaError: there is none of this name, or the new one is taken or not valid.
    """
    old = _existing(views, name)
    renamed = replace(old, name=new)
    _check(renamed, "view")
    if find(views, new) not in {None, old}:
        raise SchemaError(f"view: there is already one named {new!r}")
    return tuple(renamed if one is old else one for one in views)


def to_plain(views: Iterable[SavedView]) -> list[dict[str, Any]]:
    """For a settings file."""
    return [asdict(view) for view in views]


def from_plain(plain: Any, where: str = "views") -> Views:
    """The views in a settings file; `where` names the place in errors.

    Raises:
        SchemaError: names the view and the field, and what was expected.
    """
    if not isinstance(plain, list):
        raise SchemaError(f"{where}: expected a list of views, not {_told(plain)}")
    views: Views = ()
    for place, item in enumerate(plain):
        view = _view(item, f"{where}[{place}]")
        if find(views, view.name) is not None:
            raise SchemaError(f"{where}[{place}].name: {view.name!r} is there twice; rename one")
        views = (*views, view)
    return views


def _existing(views: Views, name: str) -> SavedView:
    view = find(views, name)
    if view is None:
        names = ", ".join(one.name for one in views) or "none is saved"
        raise SchemaError(f"view: none is named {name!r}; there are: {names}")
    return view


def _view(item: Any, where: str) -> SavedView:
    if not isinstance(item, dict):
        raise SchemaError(f"{where}: expected a table of {', '.join(_FIELDS)}, not {_told(item)}")
    unknown = [str(name) for name in item if name not in _FIELDS]
    if unknown:
        known = ", ".join(_FIELDS)
        raise SchemaError(f"{where}.{unknown[0]}: unknown field; the fields are {known}")
    if "name" not in item:
        raise SchemaError(f"{where}.name: missing; every view needs a name")
    view = SavedView(**item)
    _check(view, where)
    return view


def _check(view: SavedView, where: str) -> None:
    _check_text(view.name, f"{where}.name", MOST_NAME)
    if not view.name.strip():
        raise SchemaError(f"{where}.name: expected a name, not an empty text")
    _check_text(view.filter, f"{where}.filter", MOST_FILTER)
    if view.by not in GROUPINGS:
        raise SchemaError(f"{where}.by: {view.by!r} is not one of {', '.join(GROUPINGS)}")
    if type(view.window_s) is not int or view.window_s <= 0:
        raise SchemaError(
            f"{where}.window_s: expected whole seconds above 0, not {view.window_s!r}"
        )
    if view.sort is not None:
        _check_text(view.sort, f"{where}.sort", MOST_NAME)
    _check_text(view.screen, f"{where}.screen", MOST_NAME)


def _check_text(text: Any, where: str, most: int) -> None:
    if not isinstance(text, str):
        raise SchemaError(f"{where}: expected a text, not {_told(text)}")
    if len(text) > most:
        raise SchemaError(f"{where}: {len(text)} characters are too many; at most {most}")
    if not text.isprintable():
        raise SchemaError(f"{where}: expected one line of printable characters")


def _told(value: Any) -> str:
    return f"{type(value).__name__} {value!r:.40}"
