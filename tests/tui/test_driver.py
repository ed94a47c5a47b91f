"""The driver under a small application on a real terminal at the far end of a line."""

import re
import signal

import pytest
from support.line import Line

BUSY = """
import os, random, select, sys, time, tty
from textual.app import App
from textual.widgets import Static
from llmmon_tui.driver import SteadyDriver

class Busy(App):
    def compose(self):
        yield Static()

    def on_mount(self):
        self.count = 0
        self.set_interval(0.04, self.change)

    def change(self):
        self.count += 1
        rows = [f"{self.count} {random.randrange(1000)}" for _ in range(self.size.height - 2)]
        self.query_one(Static).update("\\n".join(["<TOP>", *rows, "<BOTTOM>"]))

    def key_q(self):
        self.exit()

    def key_o(self):
        self._driver.write("\\x1b[1;1H\\x1b[2K<OTHER>")

Busy(driver_class=SteadyDriver).run()
tty.setcbreak(0)
left = b""
while select.select([0], [], [], 0.7)[0]:
    left += os.read(0, 1000)
print(f"left {left!r} over", flush=True)
time.sleep(9)
"""
LOCAL = {"rate": 1e6, "one_way_s": 0.0}


def left_of(line):
    """What was there to be read by whoever comes after the application."""
    line.until(lambda line: " over" in line.text)
    return re.search(r"left (.*) over", line.text.replace("\n", ""))[1].strip()


def count(line):
    found = re.match(r"\d+", line.lines[1])
    return int(found[0]) if found else 0


def is_whole(line):
    return line.lines[0].startswith("<TOP>") and line.lines[-1].startswith("<BOTTOM>")


def goes_on(line):
    """Wait until it paints again, and all of it."""
    before = count(line)
    line.until(lambda line: count(line) > before and is_whole(line), within_s=5.0)


@pytest.mark.parametrize(
    ("rate", "one_way_s", "after_s"), [(1e6, 0.0, 0.3), (1e6, 0.1, 0.0), (8000.0, 0.1, 0.7)]
)
def test_no_answer_is_left_to_be_taken_for_typed(rate, one_way_s, after_s):
    with Line(["-c", BUSY], (80, 24), rate=rate, one_way_s=one_way_s) as line:
        line.until(lambda line: line.received > 10)
        line.run(after_s)
        line.send(b"q")
        assert left_of(line) == "b''"


def test_a_narrow_terminal_is_kept_current():
    """Where the columns end, the answers to two questions would be the same."""
    with Line(["-c", BUSY], (14, 6), **LOCAL) as line:
        line.until(lambda line: count(line) > 5)
        for _ in range(40):
            goes_on(line)


def test_it_comes_back_from_the_background():
    with Line(["-c", BUSY], (80, 24), rate=1e6, one_way_s=0.05) as line:
        line.until(count)
        for number in (signal.SIGTSTP, signal.SIGSTOP):
            line.child.send_signal(number)
            line.run(1.0)
            line.screen.reset()
            line.child.send_signal(signal.SIGCONT)
            goes_on(line)
        line.send(b"q")
        assert left_of(line) == "b''"


def test_two_changes_of_size_that_undo_each_other_leave_nothing_out():
    with Line(["-c", BUSY], (80, 24), **LOCAL) as line:
        line.until(count)
        line.run(0.3)
        line.resize(60, 20)
        line.resize(80, 24)
        line.until(is_whole, within_s=5.0)


def test_what_is_painted_in_another_form_is_not_taken_for_what_was_there():
    with Line(["-c", BUSY], (80, 24), **LOCAL) as line:
        line.until(count)
        line.send(b"o")
        line.run(0.3)
        goes_on(line)
        assert "OTHER" not in line.text
        line.send(b"q")
        assert left_of(line) == "b''"
