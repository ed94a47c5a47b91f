"""Real servers that health checks are aimed at: PostgreSQL, Redis, HTTP, an LLM API."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.collector import eventually

START_S = 60.0
_POSTGRES_USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root; the first of these that there is does it."""


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, *folders: Path) -> str:
    """Where a program is. The test fails without it where tests must be complete, else skips."""
    places = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    found = shutil.which(name, path=places)
    if found is not None:
        return found
    if "CI" in os.environ:
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


class CheckedServer:
    """A server of one process, on one port and one folder whatever happens to it."""

    def __init__(self, folder: Path, command: list[str], port: int) -> None:
        self.folder = folder
        self.port = port
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            eventually(lambda: self._is_up(log.fileno()), START_S, f"not up: {self._command[0]}")

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def hang(self) -> None:
        """It accepts connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After ``hang``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _is_up(self, log: int) -> bool:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def _running(folder: Path, command: list[str], port: int) -> Iterator[CheckedServer]:
    server = CheckedServer(folder, command, port)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[CheckedServer]:
    """PostgreSQL whose superuser ``llmmon`` needs no password."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb, server = program("initdb", *folders), program("postgres", *folders)
    folder, port = Path(tempfile.mkdtemp(prefix="llmmon-pg-")), free_port()
    under = _not_root(folder)
    options = ["--username=llmmon", "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"]
    subprocess.run(
        [*under, initdb, f"--pgdata={folder}/data", *options], check=True, capture_output=True
    )
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}"]
    chosen = [part for setting in [*settings, "fsync=off"] for part in ("-c", setting)]
    with _running(folder, [*under, server, "-D", f"{folder}/data", *chosen], port) as running:
        yield running


@contextmanager
def redis() -> Iterator[CheckedServer]:
    """Redis that keeps nothing."""
    server = program("redis-server")
    folder, port = Path(tempfile.mkdtemp(prefix="llmmon-redis-")), free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir"]
    with _running(folder, [*command, str(folder)], port) as running:
        yield running


@contextmanager
def files_over_http() -> Iterator[CheckedServer]:
    """Serves the files of its folder."""
    folder, port = Path(tempfile.mkdtemp(prefix="llmmon-http-")), free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with _running(folder, command, port) as running:
        yield running


@contextmanager
def llm_api() -> Iterator[CheckedServer]:
    """An OpenAI-compatible API under ``/v1``."""
    folder, port = Path(tempfile.mkdtemp(prefix="llmmon-llm-")), free_port()
    command = [str(Path(sys.executable).parent / "llmock"), "serve", "--port", str(port)]
    with _running(folder, command, port) as running:
        yield running


def _not_root(folder: Path) -> list[str]:
    """What runs a command as somebody who may be anything but root, and owns ``folder``."""
    if os.geteuid() != 0:
        return []
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam(next(name for name in _POSTGRES_USERS if name in known))
    os.chown(folder, user.pw_uid, user.pw_gid)
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
    return [program("setpriv"), *ids, "--clear-groups"]
