"""The daemon as its surroundings see it: signals, exit codes, HTTP, systemd."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from support.collector import CollectorProcess, eventually

Unstarted = Callable[[str], CollectorProcess]


def _status(collector: CollectorProcess) -> dict:
    return json.loads(collector.client("status", "--json"))["collector"]


def _run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmmon_collector", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_sighup_loads_the_configuration_again(unstarted: Unstarted) -> None:
    collector = unstarted('[collector]\nname = "before"\n')
    collector.start()
    assert _status(collector)["name"] == "before"
    collector.config.write_text('[collector]\nname = "after"\n')
    assert collector.process is not None
    collector.process.send_signal(signal.SIGHUP)
    eventually(lambda: _status(collector)["name"] == "after", 10, collector.log_text())


def test_a_broken_configuration_is_told_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "llmmon.toml"
    config.write_text('[collector]\nname = "x"\nwindow = ["1m"]\n')
    done = _run("--config", config)
    assert done.returncode == 2
    assert f"{config}:3: collector.window" in done.stderr
    assert "windows" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_reads_the_configuration_and_nothing_more(tmp_path: Path) -> None:
    config = tmp_path / "llmmon.toml"
    config.write_text('[collector]\nname = "x"\n')
    done = _run("--config", config, "--check", XDG_STATE_HOME=str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (0, f"fine: {config}\n")
    assert not (tmp_path / "state").exists()


def test_an_address_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    done = _run("--listen", "tcp://0.0.0.0:19400", "--state", tmp_path, "--http", "")
    assert done.returncode == 2
    assert "can be reached from other machines" in done.stderr


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_http_answers(unstarted: Unstarted, path: str) -> None:
    collector = unstarted('[collector]\nhttp = "127.0.0.1:0"\n')
    collector.start(http=None)
    trace = collector.directory / "trace.jsonl"
    trace.write_text('{"model": "gpt-4o", "provider": "openai", "latency_ms": 5}\n' * 10)
    collector.client("replay", str(trace), "--speed", "max")
    base = f"http://{_status(collector)['http']}"
    status, body = _get(base + path)
    assert status == 200, body
    if path == "/metrics":
        eventually(
            lambda: "llmmon_events_stored_total 10" in _get(base + path)[1], 10, "no metrics"
        )


def test_a_service_manager_hears_of_start_and_stop(short_dir: Path) -> None:
    path = short_dir / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        command = [sys.executable, "-m", "llmmon_collector", "--listen", f"ipc://{short_dir}/run"]
        process = subprocess.Popen(
            [*command, "--state", str(short_dir / "state"), "--http", ""],
            env={**os.environ, "NOTIFY_SOCKET": str(path)},
            stderr=subprocess.DEVNULL,
        )
        try:
            assert manager.recv(4096).startswith(b"READY=1")
            process.terminate()
            while not manager.recv(4096).startswith(b"STOPPING=1"):
                pass
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()
