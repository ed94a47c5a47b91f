"""The program on a real pseudo-terminal: it starts, and it ends whichever way the terminal does."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading

import pyte
import pytest
from support.snapshots import alert, busy_snapshot
from support.viewer_app import serve_all
from support.viewer_peer import ViewerPeer

LIMIT_S = 30


class Terminal:
    """`llmmon-tui` as a child, its output collected by a thread."""

    def __init__(self, address, *options):
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.child = subprocess.Popen(
            [sys.executable, "-m", "llmmon_tui", "--connect", address, *options],
            **dict.fromkeys(("stdin", "stdout", "stderr"), follower),
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(follower)
        self.output = bytearray()
        self.screen = pyte.Screen(80, 24)
        self._emulator = pyte.ByteStream(self.screen)
        self._grown = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        with contextlib.suppress(OSError):
            while chunk := os.read(self.leader, 1 << 16):
                with self._grown:
                    self.output += chunk
                    self._emulator.feed(chunk)
                    self._grown.notify_all()

    def shows(self, text):
        """Wait until it is on the screen: what is there already is not written again."""
        with self._grown:
            return self._grown.wait_for(lambda: text in "\n".join(self.screen.display), LIMIT_S)

    def writes(self, text):
        with self._grown:
            return self._grown.wait_for(lambda: text.encode() in self.output, LIMIT_S)

    def bells(self):
        """How often the bell rang: the byte also ends title and clipboard sequences."""
        return len(re.sub(rb"\x1b\][^\x07\x1b]*\x07", b"", bytes(self.output)).split(b"\x07")) - 1

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.child.kill()
        self.child.wait()
        with contextlib.suppress(OSError):
            os.close(self.leader)


@pytest.fixture
def peer(tmp_path):
    with ViewerPeer(f"ipc://{tmp_path}") as peer:
        serve_all(peer, busy_snapshot())
        yield peer


def test_it_shows_the_collector_and_quits(peer):
    with Terminal(peer.address.text) as terminal:
        assert terminal.shows("prod-eu")
        os.write(terminal.leader, b"q")
        assert terminal.child.wait(LIMIT_S) == 0
        assert terminal.writes("\x1b[?1049l")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_mends_the_terminal(peer, number):
    with Terminal(peer.address.text) as terminal:
        assert terminal.shows("prod-eu")
        terminal.child.send_signal(number)
        assert terminal.child.wait(LIMIT_S) == 0
        assert terminal.writes("\x1b[?1049l")


def test_it_does_not_outlive_its_terminal(peer):
    """Nobody sends SIGHUP here, as this is not its controlling terminal."""
    terminal = Terminal(peer.address.text)
    with terminal:
        assert terminal.shows("prod-eu")
        os.close(terminal.leader)
        assert terminal.child.wait(LIMIT_S) is not None


def test_the_bell_rings_for_a_new_critical_alert_and_for_nothing_else(peer):
    """Each snapshot carries a note, so that the terminal shows which one it has taken."""

    def shown(seq, *alerts):
        peer.publish(busy_snapshot(seq=seq, note=f"<{seq}>", alerts=alerts))
        assert terminal.shows(f"<{seq}>")
        return terminal.bells()

    warning = alert(id="a", severity="warning")
    with Terminal(peer.address.text, "--bell") as terminal:
        assert terminal.shows("prod-eu")
        assert peer.wait_until(lambda: "snapshot.model" in peer.topics)
        assert shown(5001, warning, alert(id="b", flapping=True)) == 0
        assert shown(5002, alert(id="a")) == 1
        assert shown(5003, alert(id="a"), alert(id="c", inhibited_by="a")) == 1
        assert shown(5004, alert(id="a"), alert(id="d")) == 2
