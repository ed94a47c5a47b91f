"""``llmmon rules check``: what rules say, what is wrong and what looks wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmmon_collector.tools.commands import rules as group

RULE = """
[[rule]]
name = "slow"
value = "latency_p95"
by = ["model"]
warning = { above = 1000, clear_below = 800 }
min_requests = 20
"""
FINE = RULE.replace("min_requests", 'channels = ["team"]\nmin_requests')
CONFIG = '[channels.team]\ntype = "log"\n'
Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Checks a text, and gives what ``llmmon rules check`` printed."""

    def check(text: str, *options: str) -> Result:
        file = tmp_path / "rules.toml"
        file.write_text(text)
        return CliRunner().invoke(group, ["check", str(file), *options])

    return check


def warnings(done: Result) -> list[tuple[str, str, str]]:
    [report] = json.loads(done.output)["files"]
    assert report["error"] is None, report
    return [(one["rule"], one["key"], one["reason"]) for one in report["warnings"]]


def test_a_right_file_is_told_in_words(check: Check, tmp_path: Path) -> None:
    done = check(
        RULE
        + 'window = "1h"\ncritical = { value = "error_rate", above = 0.1 }\nfor = "1m"\n'
        + 'where = "model != \\"m\\""\n[[rule]]\nname = "down"\nvalue = "check_failing"\n'
        + "critical = { above = 0.5 }\n[[slo]]\nname = 'chat'\ngood = 'error is None'\n"
        + "objective = 0.99\n[[slo]]\nname = 'fast'\ngood = 'latency_ms < 900'\nby = ['model']\n"
        + "objective = 0.9\npage = false\nchannels = ['ops']\n[[budget]]\nname = 'all'\n"
        + "limit_usd = 50\n"
    )
    assert done.exit_code == 0
    lines = [line for line in done.output.splitlines() if not line.startswith("warning")]
    assert lines == [
        f"{tmp_path}/rules.toml: 2 rules, 2 slos, 1 budget",
        "  slow",
        '      latency_p95 over 1h by model where model != "m"',
        "      warning above 1,000 ms until 800 ms, critical error_rate above 10.0%",
        "      for 1m, from 20 requests on, to every channel",
        "  down",
        "      check_failing of checks",
        "      critical above 0.5",
        "      to every channel",
        "  slo.chat",
        "      error is None",
        "      99% good over 30d of the whole",
        "      page at 14.4x over 1h or 6x over 6h, ticket at 3x over 1d or 1x over 3d",
        "      from 3 bad events on, to every channel",
        "  slo.fast",
        "      latency_ms < 900",
        "      90% good over 30d by model",
        "      ticket at 3x over 1d or 1x over 3d",
        "      from 3 bad events on, to ops",
        "  budget.all",
        "      $50.00 a month of the whole",
        "      warning above 80.0%, critical above 100%, warning when on course for more",
        "      to every channel",
    ]


def test_json_has_the_whole_rule(check: Check) -> None:
    [report] = json.loads(check(RULE, "--json").output)["files"]
    [rule] = report["rules"]
    assert (rule["name"], rule["family"], rule["window_s"]) == ("slow", "requests", 300)
    assert (rule["by"], rule["labels"]) == (["model"], ["model"])
    warning = {"value": "latency_p95", "above": 1000, "clear_below": 800}
    assert rule["thresholds"] == {"warning": warning}


def test_a_wrong_file_exits_1_with_a_caret(check: Check, tmp_path: Path) -> None:
    done = check(RULE.replace("latency_p95", "errors / latency_p59"))
    assert done.exit_code == 1
    first, line, caret = done.output.splitlines()
    assert first.startswith(f"{tmp_path}/rules.toml:4:19: rule[slow].value: there is no metric")
    assert line[caret.index("^") :] == 'latency_p59"'
    [report] = json.loads(check(RULE.replace("p95", "p59"), "--json").output)["files"]
    assert (report["error"]["line"], report["error"]["column"]) == (4, 10)


def test_a_file_that_is_not_there_exits_1(tmp_path: Path) -> None:
    done = CliRunner().invoke(group, ["check", str(tmp_path / "none.toml")])
    assert (done.exit_code, "cannot be read" in done.output) == (1, True)


def test_every_file_is_checked_though_one_is_wrong(check: Check, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[[rule]]\n")
    done = check(RULE, str(other))
    assert done.exit_code == 1
    assert "rules.toml: 1 rule\n" in done.output
    assert "other.toml:1" in done.output


def test_a_file_of_tests_is_passed_over(check: Check, tmp_path: Path) -> None:
    tests = tmp_path / "rules_test.toml"
    tests.write_text('rules = ["rules.toml"]\n[[test]]\nname = "calm"\nevery = "1m"\n')
    done = check(RULE, str(tests), "--strict")
    assert done.exit_code == 0
    assert "rules.toml: 1 rule\n" in done.output
    assert f"{tests}: tests, not checked here: llmmon rules test runs them\n" in done.output
    told = json.loads(check(RULE, str(tests), "--json").output)
    assert [one["tests"] for one in told["files"]] == [False, True]
    assert told["ok"]


@pytest.mark.parametrize("text", ['rules = ["rules.toml"]\n', RULE + '[[test]]\nname = "x"\n'])
def test_what_is_no_file_of_tests_is_a_mistake(check: Check, text: str) -> None:
    done = check(text)
    assert (done.exit_code, "unknown key" in done.output) == (1, True)


def test_a_whole_configuration_is_checked_with_its_rules_dir(check: Check, tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    more = tmp_path / "rules.d" / "more.toml"
    more.write_text(RULE.replace("latency_p95", "latency_p59"))
    config = '[collector]\nrules_dir = "rules.d"\n'
    done = check(config)
    assert done.exit_code == 1
    assert f"{more}:4:10: rule[slow].value" in done.output
    more.write_text(RULE)
    assert "rules.toml: 1 rule\n" in check(config).output


def test_channels_of_rules_alone_are_checked_where_their_configuration_is_named(
    check: Check, tmp_path: Path
) -> None:
    config = tmp_path / "llmmon.toml"
    config.write_text(CONFIG)
    assert check(FINE).exit_code == 0
    assert check(FINE, "--config", str(config)).exit_code == 0
    config.write_text(CONFIG.replace("team", "others"))
    done = check(FINE, "--config", str(config))
    assert done.exit_code == 1
    assert "there is no [channels.team]" in done.output


@pytest.mark.parametrize("strict", [True, False])
def test_warnings_are_no_error_unless_strict(check: Check, strict: bool) -> None:
    done = check(RULE.replace("min_requests = 20", ""), *(["--strict"] if strict else []))
    assert done.exit_code == int(strict)
    assert "warning: " in done.output
    assert ": rule[slow].min_requests: latency_p95 of a single request" in done.output


def test_a_plain_rule_looks_fine(check: Check) -> None:
    assert warnings(check(RULE, "--json")) == []
    assert check(RULE, "--strict").exit_code == 0


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"min_requests = 20": ""}, "min_requests", "single request"),
        ({"min_requests = 20": 'min_requests = 20\nfor = "500ms"'}, "for", "shorter than the 1s"),
        ({", clear_below = 800": ""}, "keep_firing_for", "every wobble"),
        ({"clear_below = 800": "clear_below = 1000"}, "warning", "changes nothing"),
        ({"min_requests = 20": 'min_requests = 20\ncooldown = "0s"'}, "cooldown", "told at once"),
        ({"min_requests = 20": "min_requests = 20\ndisabled = true"}, "disabled", "switched off"),
        (
            {"latency_p95": "error_rate", "above = 1000, clear_below = 800": "above = 5"},
            "warning",
            "never fires: error_rate is 0 to 1, so never above 5",
        ),
        (
            {"above = 1000, clear_below = 800": "below = 0"},
            "warning",
            "never fires: latency_p95 is 0 or more, so never below 0",
        ),
        (
            {"above = 1000, clear_below = 800": "above = -1"},
            "warning",
            "always fires: latency_p95 is 0 or more, so always above -1",
        ),
    ],
)
def test_what_is_valid_and_hardly_meant_is_told(
    check: Check, change: dict[str, str], key: str, said: str
) -> None:
    text = RULE
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    found = warnings(check(text, "--json"))
    assert any(rule == "slow" and at == key and said in why for rule, at, why in found), found


def test_what_nobody_uses_is_told(check: Check) -> None:
    unused = '[channels.spare]\ntype = "log"\n[schedules.night]\nfrom = "22:00"\nto = "06:00"\n'
    found: list[Any] = warnings(check(CONFIG + unused + FINE, "--json"))
    # the built-in rules name no channel, so they go to all
    assert [key for _, key, _ in found] == ["schedules.night"]
    routed = '[[route]]\nchannels = ["team"]\nmute = ["night"]\n'
    assert warnings(check(CONFIG + unused + routed + FINE, "--json")) == []


def test_a_burn_rate_that_no_service_could_reach_is_told(check: Check) -> None:
    slo = "[[slo]]\nname = 'chat'\ngood = 'error is None'\nobjective = 0.9\n"
    [(rule, key, reason)] = warnings(check(slo, "--json"))
    assert (rule, key) == ("slo.chat", "objective")
    assert "no page over 1h" in reason
    assert ":4: slo[chat].objective: " in check(slo).output


def test_two_rules_of_one_name_in_a_file_are_a_mistake(check: Check) -> None:
    done = check(RULE + RULE)
    assert done.exit_code == 1
    assert "rule[slow].name: a rule of this name is in" in done.output
