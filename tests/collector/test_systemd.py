"""Words to systemd over a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmmon_collector.clock import ManualClock
from llmmon_collector.systemd import ServiceManager


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        yield path, listener


def test_every_word_is_one_datagram(ear: tuple[str, socket.socket]) -> None:
    path, listener = ear
    manager = ServiceManager(path)
    manager.extend_timeout(2.5)
    manager.ready("12 rules,\nlistening")
    manager.watchdog()
    manager.status("busy")
    manager.reloading(ManualClock(0, mono_ns=5_000_000))
    manager.ready()
    manager.stopping()
    assert [listener.recv(4096).decode() for _ in range(7)] == [
        "EXTEND_TIMEOUT_USEC=2500000",
        "READY=1\nSTATUS=12 rules, listening",
        "WATCHDOG=1",
        "STATUS=busy",
        "RELOADING=1\nMONOTONIC_USEC=5000",
        "READY=1",
        "STOPPING=1",
    ]


def test_an_abstract_socket_is_reached() -> None:
    name = f"llmmon-test-{id(object())}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.settimeout(20)
        ServiceManager("@" + name).ready()
        assert listener.recv(4096) == b"READY=1"


def test_the_environment_is_read_and_kept_from_children(ear: tuple[str, socket.socket]) -> None:
    path, listener = ear
    environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7", "X": "y"}
    manager = ServiceManager.from_environ(environ, pid=7)
    assert environ == {"X": "y"}
    assert manager.watchdog_interval_s == 15.0
    manager.watchdog()
    assert listener.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "many"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"},
    ],
)
def test_no_watchdog_is_none(environ: dict[str, str]) -> None:
    assert ServiceManager.from_environ(environ, pid=7).watchdog_interval_s is None


def test_nobody_listening_is_no_trouble(tmp_path: Path) -> None:
    ServiceManager(None).ready()
    ServiceManager(str(tmp_path / "gone")).stopping()
    ServiceManager("/" + "x" * 300).watchdog()
