"""``llmmon rules`` with real processes: files, a running collector, and what it left behind."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from support.collector import PYTHON, CollectorProcess, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIG = """
[[rule]]
name = "any_error"
value = "errors / requests"
by = ["model"]
window = "1m"
critical = { above = 0.1 }
min_requests = 5
channels = ["log"]
summary = "{model} fails"

[[slo]]
name = "chat"
good = "error is None"
objective = 0.99

[channels.log]
type = "log"
"""


def rules(*arguments: object, status: int = 0) -> str:
    """What ``llmmon rules`` prints for ``arguments``."""
    done = subprocess.run(
        [PYTHON, "-m", "llmmon.cli.main", "rules", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_the_examples_are_right_and_do_what_their_tests_say() -> None:
    rules("check", "--strict", EXAMPLES / "rules" / "llm.toml")
    rules("check", EXAMPLES / "llmmon.toml")
    told = json.loads(rules("test", "--json", EXAMPLES / "rules" / "llm_test.toml"))
    assert told["passed"]
    assert len(told["tests"]) == 6


def test_a_test_of_the_example_can_fail(tmp_path: Path) -> None:
    source = EXAMPLES / "rules"
    (tmp_path / "llm.toml").write_text(
        (source / "llm.toml").read_text().replace("above = 0.1,", "above = 0.3,")
    )
    (tmp_path / "llm_test.toml").write_text((source / "llm_test.toml").read_text())
    told = rules("test", tmp_path / "llm_test.toml", status=1)
    assert "- firing critical {provider=local} 20.0%" in told
    assert "+ firing warning {provider=local} 20.0%" in told
    assert told.endswith("1 failed, 5 passed\n")


def test_a_running_collector_explains_and_is_backtested(
    unstarted: Callable[..., CollectorProcess],
) -> None:
    collector = unstarted(CONFIG)
    collector.start()
    trace = collector.directory / "trace.jsonl"
    fine, bad = '{"model": "a", "latency_ms": 5}\n', '{"model": "b", "error": "Timeout"}\n'
    trace.write_text(fine * 10 + bad * 10)
    since = datetime.fromtimestamp(time.time() - 120, UTC).isoformat()
    until = datetime.fromtimestamp(time.time() + 180, UTC).isoformat()
    collector.client("replay", str(trace), "--speed", "max")

    def explain(*arguments: str) -> dict[str, object]:
        return json.loads(collector.client("rules", "explain", *arguments, "--json"))

    def fires() -> bool:
        groups = explain("any_error")["groups"]
        return [group["state"] for group in groups][:1] == ["firing"]

    eventually(fires, 10, collector.log_text())
    [group] = explain("any_error", "--by", "model=b")["groups"]
    assert group["parts"][0] == {"text": "errors / requests", "value": 1.0}
    assert [told["channel"] for told in group["told"]] == ["log"]
    [calm] = explain("any_error", "--by", "model=a")["groups"]
    assert (calm["state"], calm["limits"][0]["breached"]) == ("inactive", False)
    said = collector.client("rules", "explain", "any_error")
    assert "{model=b}: firing critical since " in said
    assert "log: last told (critical) " in said
    assert explain("slo.chat")["family"] == "slos"
    collector.client("rules", "explain", "no_such_rule", status=2)

    span = ("--since", since, "--until", until, "--json")
    asked = json.loads(collector.client("rules", "backtest", str(collector.config), *span))
    [rule] = asked["rules"]
    assert (rule["count"], rule["instances"][0]["labels"]) == (1, {"model": "b"})
    assert rule["instances"][0]["peak"] == 1.0
    state = collector.directory / "state"
    direct = ("backtest", collector.config, *span, "--state", state)
    rules(*direct, status=2)
    assert collector.stop() == 0
    assert json.loads(rules(*direct)) == asked
