from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmmon.protocol.endpoint import Address

ROWS = [
    *("t,provider,model,input_tokens,output_tokens,ttft_s,end_to_end_latency_s,error_code,gpu",),
    "0.0,groq,llama,374,44,0.25,1.5,,7",
    "0.1,groq,llama,396,109,0.5,2.5,,7",
    "0.2,lepton,llama,550,1,0,0,429,7",
]


def replay(address: Address, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the agent is one a process."""
    command = [sys.executable, "-m", "llmmon.cli.main", "replay", *arguments]
    command += ["--connect", address.text]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    file = tmp_path / "trace.csv"
    file.write_text("\n".join(ROWS) + "\n")
    return file


def test_every_row_arrives_as_it_was_measured(collector: Any, trace: Path) -> None:
    done = replay(collector.address, str(trace), "--speed", "max", "--json", "--service", "bot")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: report[name] for name in ("sent", "acknowledged", "lost", "skipped")} == {
        "sent": 3,
        "acknowledged": 3,
        "lost": 0,
        "skipped": 0,
    }
    assert report["ignored_columns"] == ["gpu"]
    assert report["seconds"] >= 0
    first, _, failed = collector.requests
    assert (first["service"], first["environment"]) == ("bot", "replay")
    assert (first["provider"], first["model"]) == ("groq", "llama")
    assert (first["input_tokens"], first["output_tokens"]) == (374, 44)
    assert (first["ttft_ms"], first["latency_ms"]) == (250.0, 1500.0)
    assert first.get("error") is None
    assert (failed["error"], failed["status_code"]) == ("429", 429)
    assert failed.get("latency_ms") is None


def test_a_packed_trace_and_a_limit(collector: Any, trace: Path) -> None:
    packed = trace.with_suffix(".gz")
    packed.write_bytes(gzip.compress(trace.read_bytes()))
    done = replay(collector.address, str(packed), "--speed", "100", "--limit", "2")
    assert done.returncode == 0, done.stderr
    assert "2 sent, 2 acknowledged, 0 lost" in done.stdout
    assert len(collector.requests) == 2


def test_defaults_fill_what_rows_do_not_tell(collector: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text('{"input_length": 5}\n{"input_length": 6, "model": "own"}\n')
    done = replay(collector.address, str(file), "--model", "m", "--provider", "p")
    assert done.returncode == 0, done.stderr
    dims = [(request["provider"], request["model"]) for request in collector.requests]
    assert dims == [("p", "m"), ("p", "own")]


def test_bad_rows_are_named_with_file_and_line(collector: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("model,latency_ms\nm,1\nm,soon\n")
    done = replay(collector.address, str(file))
    assert done.returncode == 0
    assert f"{file}:3: latency_ms 'soon': expected a number" in done.stderr
    assert "1 rows skipped" in done.stdout


def test_many_rows_at_full_speed_lose_nothing(collector: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    with file.open("w") as out:
        csv.writer(out).writerows([("model", "latency_ms"), *(("m", n) for n in range(25_000))])
    done = replay(collector.address, str(file), "--speed", "max", "--json")
    report = json.loads(done.stdout)
    assert (report["sent"], report["acknowledged"], report["lost"]) == (25_000, 25_000, 0)
    assert sorted(request["latency_ms"] for request in collector.requests) == list(range(25_000))


def test_a_file_of_rubbish_is_a_usage_error(collector: Any, tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("\x00\x01,\nwhat\n")
    done = replay(collector.address, str(file))
    assert done.returncode == 2
    assert "no row that can be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_gzip_is_told(collector: Any, trace: Path) -> None:
    packed = trace.with_suffix(".gz")
    packed.write_bytes(gzip.compress(trace.read_bytes())[:-12])
    done = replay(collector.address, str(packed))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_errors(collector: Any, trace: Path) -> None:
    assert replay(collector.address, str(trace.with_name("none.csv"))).returncode == 2
    assert replay(collector.address, str(trace), "--speed", "-1").returncode == 2
    assert replay(collector.address, str(trace), "--speed", "nan").returncode == 2


def test_no_collector_is_exit_3(address: Address, trace: Path) -> None:
    done = replay(address, str(trace))
    assert done.returncode == 3
    assert address.text in done.stderr
