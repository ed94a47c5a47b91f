"""Textual's driver for a terminal that may be slow, stand still or vanish."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import threading
import time
from contextlib import suppress
from io import TextIOWrapper
from types import FrameType
from typing import Any, Final, cast

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from llmmon_tui.flow import MOST_QUESTIONS, Flow
from llmmon_tui.frames import parse_frame
from llmmon_tui.mirror import Mirror

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ALTERNATE: Final = "\x1b[?1049"
_URGENT_S: Final = 0.2
"""So long after a key what is painted counts as its answer."""
_INPUT: Final = (events.Key, events.MouseDown, events.MouseScrollDown, events.MouseScrollUp)
_RETRY_S: Final = 0.03
_PATIENCE_S: Final = 1.5
"""For the next of the last answers at the end: who reads them later takes them for typed."""
_PATIENCE_STEP_S: Final = 0.05
_PLACED: Final = re.compile(r"\x1b\[[\d;]*H")
_QUESTION_ROW: Final = 1
_PLACES: Final = 2 * MOST_QUESTIONS
"""Columns of that row that tell one question from another."""


class SteadyDriver(LinuxDriver):
    """Sends what has changed on the screen, and no more than the line to the terminal carries.

    Frames are painted on a mirror; what of it the terminal does not show yet is sent as the
    terminal answers, the lines that a key changed first. When the terminal is gone it goes on
    writing into nothing: the thread that writes would end at the first error; the application would
    then wait for ever for room in its queue, with its window closed and nobody to notice.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = cast("TextIOWrapper", Output(self._file))
        self._mirror = Mirror()
        self._flow = Flow()
        self._retry: asyncio.TimerHandle | None = None
        self._terminal_size: os.terminal_size | None = None
        self._is_resized = False
        self._cursor = ""
        self._has_frames = False
        self._is_synchronised = False
        self._urgent_until_s = 0.0
        self._is_listening = False
        self._is_suspended = False
        self._tickets: dict[int, int] = {}
        self._awaited_s = 0.0
        self._answers = threading.Condition()

    @property
    def waiting(self) -> int:
        """Writes and changed lines that wait for the terminal."""
        return self._queued + self._mirror.pending

    def write(self, data: str) -> None:
        """Paint a frame; send anything else as it is."""
        if data in {_BEGIN, _END}:
            self._is_synchronised = True
            return
        frame = parse_frame(data)
        if frame is None:
            self._write_other(data)
            return
        if not self._is_listening:
            return  # the application is about to leave the screen
        self._notice_size()
        if not self._has_frames:
            self._has_frames = True
            self._send("")  # the first answer tells how long an answer takes
        self._mirror.want(frame, first=self._is_urgent)
        self._pump()

    def repaint(self) -> None:
        """Send the whole screen again, as after another program has written over it."""
        self._mirror.forget()
        self._pump()

    def start_application_mode(self) -> None:
        """Start application mode, on a terminal of which nothing is known."""
        self._is_listening, self._is_suspended = True, False
        self._flow, self._has_frames = Flow(), False
        with self._answers:
            self._tickets.clear()
        cast("Any", super()).start_application_mode()  # it has no types
        self._watch_size()

    def suspend_application_mode(self) -> None:
        """Leave the terminal to others for a while."""
        super().suspend_application_mode()
        self._is_suspended = True

    def resume_application_mode(self) -> None:
        """Take the terminal back; where it was not left, as after SIGSTOP, only paint it anew."""
        if self._is_suspended:
            super().resume_application_mode()
        else:
            self.repaint()

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.CursorPosition) and self._is_answer(message):
            return
        if isinstance(message, _INPUT):
            self._loop.call_soon_threadsafe(self._note_input)
        super().process_message(message)

    def disable_input(self) -> None:
        """Disable further input, after the answers that are still to come."""
        if self._is_listening:
            self._is_listening = False
            self._cancel_retry()
            self._take_last_answers()
        super().disable_input()

    @property
    def _is_urgent(self) -> bool:
        return time.monotonic() < self._urgent_until_s

    @property
    def _queued(self) -> int:
        """Writes that wait for the thread that writes. Reads a private queue of Textual's."""
        queue = getattr(self._writer_thread, "_queue", None)
        return queue.qsize() if queue is not None else 0

    def _write_other(self, data: str) -> None:
        """Write what is no frame. Where it paints all the same, it comes after what is pending,
        and nobody knows what the terminal shows from then on."""
        if data.startswith(_ALTERNATE):
            self._mirror.clear()
        elif _PLACED.search(data):
            super().write(self._mirror.take(math.inf))
            self._mirror.clear()
        super().write(data)

    def _take_last_answers(self) -> None:
        """Ask a last time, with the mouse and the focus no longer told, and wait for the answer:
        by then nothing is under way that a shell would take for typed."""
        if self._writer_thread is None or not self._hears:
            return
        self._disable_mouse_support()
        super().write("\x1b[?1004l")
        self._send("")
        with self._answers:
            while self._tickets and self._hears:
                self._answers.wait(_PATIENCE_STEP_S)

    @property
    def _hears(self) -> bool:
        """Whether the terminal is there and may still answer: it has not kept silent for long."""
        silent_s = time.monotonic() - self._awaited_s if self._tickets else 0.0
        return silent_s < _PATIENCE_S and os.isatty(self.fileno)

    def _watch_size(self) -> None:
        """Note each change of size: of two that undo each other the size itself tells nothing."""
        handle = signal.getsignal(signal.SIGWINCH)

        def note(number: int, stack: FrameType | None) -> None:
            self._is_resized = True
            if callable(handle):
                handle(number, stack)

        signal.signal(signal.SIGWINCH, note)

    def _note_input(self) -> None:
        self._urgent_until_s = time.monotonic() + _URGENT_S
        self._mirror.demote()

    def _notice_size(self) -> None:
        """A terminal that was resized shows who knows what; for another size Textual paints it
        all anew."""
        with suppress(OSError):
            size = os.get_terminal_size(self.fileno)
            if size != self._terminal_size:
                self._terminal_size = size
                self._mirror.clear(size.columns, size.lines)
            elif self._is_resized:
                self._mirror.forget()
            self._is_resized = False

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _pump(self) -> None:
        """Send what there is room for, and come back for the rest."""
        self._cancel_retry()
        if self._writer_thread is None or not self._is_listening:
            return
        if not self._mirror.pending:
            self._move_cursor()
            return
        # what a key changes is on its way to the mirror: nothing else shall go before it
        is_awaited = self._is_urgent and not self._mirror.has_first
        room = self._flow.room(time.monotonic(), self._mirror.has_first)
        if room > 0 and not is_awaited and self._queued <= 1:
            self._send(self._mirror.take(room))
            self._mirror.demote()
        if self._mirror.pending:
            self._retry = self._loop.call_later(_RETRY_S, self._pump)

    def _move_cursor(self) -> None:
        """Put the cursor where the last frame left it, though that has changed nothing else."""
        if self._cursor != self._mirror.cursor and self._queued <= 1:
            self._cursor = self._mirror.cursor
            super().write(self._cursor)

    def _send(self, painted: str) -> None:
        ticket = self._flow.sent(len(painted.encode()), time.monotonic())
        width = self._terminal_size.columns if self._terminal_size else _PLACES
        place = ticket % min(_PLACES, width)  # beyond its edge the terminal would tell the edge
        with self._answers:
            if not self._tickets:
                self._awaited_s = time.monotonic()
            self._tickets[place] = ticket
        question = f"\x1b[{_QUESTION_ROW + 1};{place + 1}H\x1b[6n"
        self._cursor = self._mirror.cursor
        text = f"{question}{self._cursor}"
        super().write(f"{_BEGIN}{painted}{_END}{text}" if self._is_synchronised else painted + text)

    def _is_answer(self, position: events.CursorPosition) -> bool:
        """Whether it is an answer to a question of ours, and note it. Runs in the input thread."""
        with self._answers:
            if position.y != _QUESTION_ROW or position.x not in self._tickets:
                return False
            ticket = self._tickets[position.x]
            self._tickets = {place: one for place, one in self._tickets.items() if one > ticket}
            self._awaited_s = time.monotonic()
            self._answers.notify_all()
        self._loop.call_soon_threadsafe(self._take_answer, ticket)
        return True

    def _take_answer(self, ticket: int) -> None:
        self._flow.answered(ticket, time.monotonic())
        self._pump()


class Output:
    """A text file whose errors are nobody's concern any more."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write if that can be done."""
        with suppress(OSError, ValueError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if that can be done."""
        with suppress(OSError, ValueError):
            self._file.flush()

    def fileno(self) -> int:
        """The descriptor of the file."""
        return int(self._file.fileno())
