"""Tests of rules: series or traffic in, the daemon's own alerts out, differences shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from llmmon_collector.tools.commands import rules as group

RULES = """
[[rule]]
name = "slow"
value = "latency_p95"
by = ["model"]
where = 'environment != "staging"'
warning = { above = 1000, clear_below = 800 }
critical = { above = 2000 }
for = "1m"
min_requests = 10
summary = "{model} takes {value:.0f}"

[[rule]]
name = "trend"
value = "requests - ago(requests, '5m')"
warning = { above = 100 }

[[rule]]
name = "cache_down"
value = "check_failing"
critical = { above = 0.5 }

[[rule]]
name = "full"
value = "requests + check('redis', 'used_ratio') - check('redis', 'used_ratio')"
warning = { above = 0 }
"""
HEAD = 'rules = ["rules.toml"]\n[[test]]\nname = "t"\n'
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the text of one test, and gives what ``llmmon rules test`` printed."""
    (tmp_path / "rules.toml").write_text(RULES)

    def run(text: str, *options: str, head: str = HEAD) -> Result:
        file = tmp_path / "rules_test.toml"
        file.write_text(head + text)
        return CliRunner().invoke(group, ["test", str(file), *options])

    return run


def series(**metrics: Any) -> str:
    values = "\n".join(f"{name} = {json.dumps(value)}" for name, value in metrics.items())
    return f'[[test.series]]\nlabels = {{ model = "m" }}\n{values}\n'


def expect(at: str, *alerts: str, rule: str = "slow") -> str:
    return f'[[test.expect]]\nat = "{at}"\nrule = "{rule}"\nalerts = [{", ".join(alerts)}]\n'


LABELS = 'labels = { model = "m" }'


def test_states_follow_the_series(run: Run) -> None:
    done = run(
        series(latency_p95="500x1 1500x2 2500x2 900 700", requests=50)
        + expect("1m")
        + expect("2m", f'{{ {LABELS}, state = "pending" }}')
        + expect("3m", f'{{ {LABELS}, severity = "warning", value = 1500 }}')
        + expect("6m", f'{{ {LABELS}, severity = "critical", summary = "m takes 2500" }}')
        + expect("8m", f'{{ {LABELS}, severity = "warning", value = 900 }}')
        + expect("9m")
        + expect("9m", f'{{ {LABELS}, state = "resolved" }}')
    )
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "1 passed"), done.output


def test_what_differs_is_shown_line_by_line(run: Run) -> None:
    done = run(
        series(latency_p95="1500x5", requests=50)
        + expect("1m", f'{{ {LABELS}, severity = "critical", value = 2500 }}')
        + expect("2m")
        + expect("3m", f"{{ {LABELS} }}", '{ labels = { model = "other" } }')
    )
    assert done.exit_code == 1
    assert done.output.splitlines()[1:] == [
        "      at 1m, slow:",
        "        - firing critical {model=m} 2,500 ms",
        '        + firing warning {model=m} 1,500 ms "m takes 1500"',
        "      at 2m, slow:",
        '        + firing warning {model=m} 1,500 ms "m takes 1500"',
        "      at 3m, slow:",
        "        - firing {model=other}",
        "        + nothing more",
        "1 failed, 0 passed",
    ]


@pytest.mark.parametrize(
    "alert",
    [
        '{ state = "pending", labels = { model = "m" } }',
        '{ labels = { model = "n" } }',
        "{ labels = {} }",
        f'{{ {LABELS}, severity = "critical" }}',
        f"{{ {LABELS}, value = 1550 }}",
        f'{{ {LABELS}, summary = "else" }}',
        f"{{ {LABELS} }}, {{ {LABELS} }}",
    ],
)
def test_every_part_of_an_expected_alert_counts(run: Run, alert: str) -> None:
    given = series(latency_p95="1500x5", requests=50)
    fine = f'{{ {LABELS}, severity = "warning", value = 1480, summary = "m takes 1500" }}'
    assert run(given + expect("2m", fine)).exit_code == 0
    assert run(given + expect("2m", alert)).exit_code == 1


def test_missing_values_few_requests_and_filtered_series_fire_nothing(run: Run) -> None:
    done = run(
        series(latency_p95="_x3 1500x1", requests=50)
        + '[[test.series]]\nlabels = { model = "n" }\nlatency_p95 = 9000\nrequests = 9\n'
        + '[[test.series]]\nlabels = { model = "o", environment = "staging" }\nlatency_p95 = 9000\n'
        + expect("2m")
        + expect("4m", f"{{ {LABELS} }}")
        + expect("9m", f"{{ {LABELS} }}")
    )
    assert done.exit_code == 0, done.output


def test_functions_of_the_past_see_what_came_before(run: Run) -> None:
    done = run(
        series(requests="10x5 150x20")
        + expect("5m", rule="trend")
        + expect("6m", "{ value = 140 }", rule="trend")
        + expect("20m", rule="trend")
    )
    assert done.exit_code == 0, done.output


def test_checks_are_given_as_series_and_as_measurements(run: Run) -> None:
    done = run(
        '[[test.series]]\nlabels = { check = "redis", type = "redis" }\ncheck_failing = "0x1 1x5"\n'
        '[[test.measure]]\ncheck = "redis"\nname = "used_ratio"\nvalues = "_ 0.5x5"\n'
        "[[test.series]]\nrequests = 5\n"
        + expect("1m", rule="cache_down")
        + expect("2m", '{ labels = { check = "redis", type = "redis" } }', rule="cache_down")
        + expect("0s", rule="full")
        + expect("1m", "{ value = 5 }", rule="full")
    )
    assert done.exit_code == 0, done.output


def test_traffic_goes_through_the_windows(run: Run) -> None:
    """A twentieth is slow: the 95th percentile is over it only once they are more."""
    traffic = (
        'every = "30s"\n[[test.traffic]]\nevery = "1s"\nlabels = { model = "m" }\n'
        "latency_ms = [100, 100, 100, 3000]\n"
        '[[test.traffic]]\nfrom = "2m"\nto = "4m"\nevery = "100ms"\ncount = 2\n'
        'labels = { model = "m" }\nlatency_ms = 100\n'
    )
    done = run(
        traffic
        + expect("0s")
        + expect("30s", f'{{ {LABELS}, state = "pending" }}')
        + expect("1m30s", f'{{ {LABELS}, severity = "critical", value = 3000 }}')
        + expect("3m30s")
    )
    assert done.exit_code == 0, done.output


def test_a_long_step_loses_no_requests(run: Run) -> None:
    rule = '[[rule]]\nname = "many"\nvalue = "requests"\nwindow = "1h"\nwarning = { above = 0 }\n'
    done = run(
        'every = "30m"\n[[test.traffic]]\nevery = "1m"\nlatency_ms = 5\n'
        + expect("2h", "{ value = 60 }", rule="many"),
        head=HEAD.replace('["rules.toml"]', '["many.toml"]'),
    )
    assert done.exit_code == 2
    assert "many.toml: cannot be read" in done.output
    Path(str(done.output).split("many.toml")[0] + "many.toml").write_text(rule)
    done = run(
        'every = "30m"\n[[test.traffic]]\nevery = "1m"\nlatency_ms = 5\n'
        + expect("2h", "{ value = 60 }", rule="many"),
        head=HEAD.replace('["rules.toml"]', '["m*.toml"]'),
    )
    assert done.exit_code == 0, done.output


def test_json_has_every_test_with_its_mismatches(run: Run) -> None:
    given = series(latency_p95="1500x5")
    assert json.loads(run(given + expect("0s", f'{{{LABELS}, state="pending"}}'), "--json").output)[
        "passed"
    ]
    done = run(given + expect("1m"), "--json")
    assert done.exit_code == 1
    [test] = json.loads(done.output)["tests"]
    [mismatch] = test["mismatches"]
    assert (test["name"], mismatch["at_s"], mismatch["missing"]) == ("t", 60, [])
    assert mismatch["surplus"][0]["labels"] == {"model": "m"}


def test_two_series_of_one_group_are_an_error_of_the_rule(run: Run) -> None:
    two = series(latency_p95=1.0) + series(latency_p95=2.0)
    done = run(two + expect("1m"))
    assert done.exit_code == 1
    assert "two series of the test are in one group (model=m)" in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (series(error_rat="1"), 'there is no metric "error_rat"; did you mean "error_rate"?'),
        (series(latency_p95="five"), "'five' is no value"),
        (series(latency_p95="1", check_failing="1"), "name metrics of one family"),
        (series(), "name metrics of one family"),
        (
            '[[test.series]]\nlabels = { modle = "m" }\nrequests = 1\n',
            'there is no dimension "modle"; did you mean "model"?',
        ),
        ("[[test.traffic]]\nlatency = 5\n", 'unknown key; did you mean "latency_ms"?'),
        ("[[test.traffic]]\nerror = 2.0\n", "the share of requests that fail"),
        (series(requests="1") + "[[test.traffic]]\n", "as traffic or as series, not both"),
        (expect("90s"), "nothing is evaluated at 1m30s: it is no multiple of 1m"),
        ('every = "1s"\n' + expect("7d"), "604,801 evaluations: raise every, or ask earlier"),
        (expect("1m", rule="slwo"), 'there is no rule "slwo"; did you mean "slow"?'),
        (
            '[[test.traffic]]\nevery = "1ms"\ncount = 100000\n',
            "requests, at most 5,000,000: raise every or lower count",
        ),
        ("name = [", "not valid TOML"),
    ],
)
def test_a_wrong_file_exits_2_with_the_place(run: Run, text: str, said: str) -> None:
    done = run(text + (expect("1m") if "expect" not in text else ""))
    assert done.exit_code == 2, done.output
    assert "rules_test.toml:" in done.output
    assert said in done.output


def test_a_broken_rule_file_exits_2_with_its_own_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES.replace("latency_p95", "latency_p59"))
    done = run(series(latency_p95=1.0) + expect("1m"))
    assert done.exit_code == 2
    assert f"{tmp_path}/rules.toml:4: rule[slow].value: " in done.output
