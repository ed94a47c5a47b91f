"""What screens ask of the collector beyond its snapshots, and when to ask it again. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

_SECOND_NS: Final = 1_000_000_000
_RETRY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `name` is under which the answer is found in a picture."""

    name: str
    method: str
    """One of `control.METHODS`."""
    params: Mapping[str, Any]
    """May move on with time, such as the end of a span."""
    parse: Callable[[Any], Any]
    """Makes a value of the result. Raises SchemaError."""
    about: Hashable = ()
    """What it is about besides the instant: an answer about something else is dropped at once."""
    refresh_s: float = 5.0
    """How long an answer is worth showing; one about the past is never asked for again."""
    timeout_s: float = 10.0
    merge: tuple[str, ...] = ()
    """How sums that several collectors tell are added up: `key`, `sum`, `min` or `max` a column."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known so far."""

    value: Any = None
    """None while nothing has been told."""
    error: str = ""
    """Why the last try brought nothing; an older value stays beside it."""
    told_ns: int | None = None
    """When the value came, on the viewer's clock."""


NOTHING: Final = Answer()


@dataclass(slots=True)
class _Asked:
    about: Hashable
    answer: Answer
    due_ns: float
    """Infinite for what is never to be asked again."""
    is_pending: bool = False


class Desk:
    """Remembers what was asked; tells what is to be asked now."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The answers by the names of their questions."""
        return {name: asked.answer for name, asked in self._asked.items()}

    def due(
        self, questions: Iterable[Question], held_ns: int | None, now_ns: int
    ) -> list[Question]:
        """Those to ask now, of a picture that is live or held at `held_ns`; they are then pending.

        Another instant held, or another `about`, makes another question of the same name.
        """
        return [one for one in questions if self._is_due(one, held_ns, now_ns)]

    def take(
        self, question: Question, held_ns: int | None, value: Any, error: str, now_ns: int
    ) -> bool:
        """An answer came, or an `error`; False when nobody asks that any more."""
        asked = self._asked.get(question.name)
        if asked is None or asked.about != (question.about, held_ns):
            return False
        asked.is_pending = False
        if error:
            asked.answer = replace(asked.answer, error=error)
            asked.due_ns = now_ns + _RETRY_S * _SECOND_NS
        else:
            asked.answer = Answer(value, "", now_ns)
            refresh_s = question.refresh_s if held_ns is None else math.inf
            asked.due_ns = now_ns + refresh_s * _SECOND_NS
        return True

    def refresh(self) -> None:
        """Ask everything again as soon as possible."""
        for asked in self._asked.values():
            asked.due_ns = 0
            asked.is_pending = False

    def _is_due(self, question: Question, held_ns: int | None, now_ns: int) -> bool:
        about = (question.about, held_ns)
        asked = self._asked.get(question.name)
        if asked is None or asked.about != about:
            self._asked[question.name] = _Asked(about, NOTHING, now_ns, is_pending=True)
            return True
        if asked.is_pending or now_ns < asked.due_ns:
            return False
        asked.is_pending = True
        return True
