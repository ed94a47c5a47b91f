"""What the workers post to the application; they touch nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.message import Message

from llmmon.protocol.snapshot import Snapshot
from llmmon_tui.feed import News
from llmmon_tui.history import History
from llmmon_tui.questions import Question
from llmmon_tui.rows import RequestRow

if TYPE_CHECKING:
    from llmmon_tui.screens.sheet import Sheet, Write


class Told(Message):
    """The feed has news."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news


class HistoryTold(Message):
    """The history that was asked for, what it was narrowed to, and the instant that was held."""

    def __init__(self, history: History, where: Mapping[str, str], held_ns: int | None) -> None:
        super().__init__()
        self.history = history
        self.where = where
        self.held_ns = held_ns


class QuestionTold(Message):
    """What came of a question that was asked of the picture held at `held_ns`, or of a live one."""

    def __init__(self, question: Question, held_ns: int | None, value: Any, error: str) -> None:
        super().__init__()
        self.question = question
        self.held_ns = held_ns
        self.value = value
        self.error = error


class Travelled(Message):
    """The picture of `goal_ns`, with requests that ended before it, or why it cannot be had."""

    def __init__(
        self, goal_ns: int, snapshot: Snapshot | None, tail: tuple[RequestRow, ...], error: str = ""
    ) -> None:
        super().__init__()
        self.goal_ns = goal_ns
        self.snapshot = snapshot
        self.tail = tail
        self.error = error


class Done(Message):
    """A command of the operator was carried out, or refused."""

    def __init__(self, text: str, is_error: bool = False) -> None:
        super().__init__()
        self.text = text
        self.is_error = is_error


class Answered(Message):
    """What a sheet was waiting for, or why it cannot be had."""

    def __init__(self, sheet: Sheet, write: Write) -> None:
        super().__init__()
        self.sheet = sheet
        self.write = write


class Hangup(Message):
    """The terminal has gone, or somebody asked the process to end."""
