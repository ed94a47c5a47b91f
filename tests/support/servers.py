"""Servers and workers that record what they do, run as in production, on a socket that listens.

Every worker is connected and drained before it answers its first request, and sends again only
after half a minute: what the others record is delivered by the end of the process or not at all.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from support.lifecycle import Lifecycles

BIN = Path(sys.executable).parent
EVENTS = 10
"""Recorded by every request or task."""
REQUESTS_MAX = 2000

BASE = f"""
import os
import llmmon

if "WITHOUT_INIT" not in os.environ:
    llmmon.init()
rec = llmmon.recorder("chat", model="m")
warm = set()

def work():
    if os.getpid() not in warm:
        warm.add(os.getpid())
        rec(0.0)
        assert llmmon.flush(timeout_s=10).pending == 0
    for n in range({EVENTS}):
        rec(float(n))
    return str(os.getpid())
"""

WSGI = (
    BASE
    + """
def app(environ, start_response):
    body = work().encode()
    start_response("200 OK", [("Content-Length", str(len(body))), ("Connection", "close")])
    return [body]
"""
)

ASGI = (
    BASE
    + """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    body = work().encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

async def lifespan(receive, send):
    for step in ("startup", "shutdown"):
        await receive()
        if "WITHOUT_LIFESPAN" in os.environ:
            raise RuntimeError("not supported")
        work()
        await send({"type": f"lifespan.{step}.complete"})
"""
)

TASKS = (
    BASE
    + """
from celery import Celery

app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control",
    "polling_interval": 0.05,
}
app.conf.worker_prefetch_multiplier = 1
app.task(work, name="work")
"""
)

SUBMIT = """
import tasks

results = [tasks.app.send_task("work") for _ in range(20)]
print(*(result.get(timeout=30, interval=0.05) for result in results))
"""

UVICORN = [str(BIN / "uvicorn"), "main:app", "--fd", "FD", "--log-level", "warning"]
GUNICORN = [str(BIN / "gunicorn"), "main:app", "-b", "fd://FD", "--log-level", "warning", "-w", "2"]


class Server:
    """A server on a socket that listens from the beginning: nobody waits for it to be up."""

    def __init__(self, lives: Lifecycles, app: str, command: list[str], **more: str) -> None:
        self._lives = lives
        self.service = lives.service()
        folder = lives.folder(self.service)
        (folder / "main.py").write_text(app)
        self._path = str(folder / "http.sock")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(self._path)
        self._listening.listen(64)
        fd = self._listening.fileno()
        self._output = (folder / "output").open("w+")
        self.process = subprocess.Popen(
            [part.replace("FD", str(fd)) for part in command],
            env=lives.environment(self.service, **more),
            cwd=folder,
            stdout=self._output,
            stderr=self._output,
            pass_fds=[fd],
        )
        self.served: Counter[str] = Counter()

    def get(self) -> str:
        """One request; the process id of the worker that answered."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(self._path)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200"), (answer, self.output())
        pid = answer.rpartition(b"\r\n\r\n")[2].decode()
        self.served[pid] += 1
        return pid

    def serve(self, workers: int) -> set[str]:
        """Requests until that many workers that are new have answered several; who has."""
        before = Counter(self.served)
        for _ in range(REQUESTS_MAX):
            self.get()
            fresh = {pid for pid in self.served if self.served[pid] > 3 and pid not in before}
            if len(fresh) >= workers:
                return fresh
        raise AssertionError(f"no {workers} new workers answered: {self.served}")

    def stop(self, number: int) -> int:
        """The status with which it ends."""
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self._listening.close()
        return status

    def output(self) -> str:
        """All that it has said."""
        self._output.seek(0)
        return self._output.read()

    def recorded(self) -> int:
        """Events by requests and by each worker's warming up."""
        return EVENTS * self.served.total() + len(self.served)

    def close(self) -> None:
        """Whatever is left of it ends."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._listening.close()
        self._output.close()


class Worked(NamedTuple):
    """What a celery worker has done."""

    service: str
    tasks: int
    recorded: int
    output: str


def run_celery(lives: Lifecycles, **more: str) -> Worked:
    """A worker of two processes does twenty tasks and is stopped by SIGTERM."""
    service = lives.service()
    folder = lives.folder(service)
    (folder / "tasks.py").write_text(TASKS)
    for name in ("queue", "control", "results"):
        (folder / name).mkdir()
    with (folder / "output").open("w+") as output:
        worker = subprocess.Popen(
            [BIN / "celery", "-A", "tasks", "worker", "-c", "2", "--without-gossip"],
            env=lives.environment(service, **more),
            cwd=folder,
            stdout=output,
            stderr=output,
        )
        try:
            submitted = lives.run(service, SUBMIT, ())
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=60) == 0
        finally:
            worker.kill()
            worker.wait()
        output.seek(0)
        said = submitted.stderr + output.read()
    served = Counter(submitted.stdout.split())
    return Worked(service, served.total(), EVENTS * served.total() + len(served), said)
