"""Pictures with answers already in them, for tests of panels that ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llmmon_tui.model import Model, Picture
from llmmon_tui.questions import Question
from support.snapshots import AT_NS

Told = Callable[[dict[str, Any]], Any]


def answered(
    model: Model, questions: Callable[[Picture], Iterable[Question]], answers: dict[str, Told]
) -> Picture:
    """What ``model`` shows once everything was asked; a method without an answer fails."""
    held_ns = model.picture(AT_NS).held_ns
    for question in model.questions_due(questions(model.picture(AT_NS)), AT_NS):
        tell = answers.get(question.method)
        if tell is None:
            model.answer(question, held_ns, None, "no such method", AT_NS)
        else:
            value = question.parse(tell(dict(question.params)))
            model.answer(question, held_ns, value, "", AT_NS)
    return model.picture(AT_NS)
