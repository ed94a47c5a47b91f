"""Texts to settings, and every mistake to a message with file, line, key and a way out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon.errors import ConfigError
from llmmon_collector.config.document import Document
from llmmon_collector.config.parse import parse_settings
from llmmon_collector.health.model import LlmCheck

RULE = '[[rule]]\nname = "{name}"\nvalue = "latency_p95"\nwarning = {{ above = 5 }}\n'


def parse(text: str, *rules: str) -> Any:
    more = [Document(f"rules.d/{number}.toml", each) for number, each in enumerate(rules)]
    return parse_settings(Document("llmmon.toml", text), more)


def refused(text: str, *rules: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse(text, *rules)
    return caught.value


def test_nothing_at_all_is_a_configuration() -> None:
    settings = parse_settings(None)
    collector = settings.collector
    assert collector.window_lengths_s == (60, 300, 3600, 86_400)
    assert (collector.http, collector.tick_s, collector.sync) == ("127.0.0.1:9460", 1.0, True)
    assert (settings.rules, settings.checks, settings.prices) == ((), (), ())


def test_values_and_units_are_read() -> None:
    settings = parse(
        """
        [collector]
        windows = ["30s", "10m"]
        lateness = "2m"
        retention = "7d"
        tick = "250ms"
        timezone = "Europe/Berlin"
        listen = "tcp://127.0.0.1:7000"
        [[check]]
        name = "api"
        type = "llm"
        url = "http://127.0.0.1:8000/v1"
        model = "m"
        active = true
        """
    )
    collector = settings.collector
    assert collector.window_lengths_s == (30, 600)
    assert (collector.lateness_s, collector.retention_s, collector.tick_s) == (120, 604_800, 0.25)
    (check,) = settings.checks
    assert isinstance(check, LlmCheck)
    assert check.interval_s == 300


def test_a_rule_may_name_the_default_channel() -> None:
    text = RULE.format(name="a") + 'channels = ["log"]\n'
    assert parse(text).rules[0].channels == ("log",)
    assert "there is no [channels.log]" in str(refused(text + '[channels.x]\ntype = "log"\n'))


def test_rules_of_all_files_come_in_order() -> None:
    settings = parse(RULE.format(name="a"), RULE.format(name="b"), RULE.format(name="c"))
    assert [rule.name for rule in settings.rules] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[collector]\nname = \n", "llmmon.toml:2: not valid TOML at column 8: Invalid value"),
        ("[collector", "llmmon.toml:1: not valid TOML: Expected ']'"),
        (
            '[collector]\n\nlatenes = "1m"\n',
            'llmmon.toml:3: collector.latenes: unknown key; did you mean "lateness"?',
        ),
        (
            '[colector]\nname = "x"\n',
            'llmmon.toml:1: colector: unknown key; did you mean "collector"?',
        ),
        (
            '[collector]\ntick = "soon"\n',
            "llmmon.toml:2: collector.tick: 'soon' is not a duration: write it as 30s",
        ),
        ("[collector]\nmax_series = 0\n", "llmmon.toml:2: collector.max_series: should be greater"),
        (
            '[collector]\nwindows = ["5m", "1m"]\n',
            "llmmon.toml:2: collector.windows: write each window once, the shortest first",
        ),
        (
            '[collector]\nwindows = [\n"5m",\n"x"]\n',
            "llmmon.toml:2: collector.windows[#2]: 'x' is not a duration",
        ),
        (
            '[collector]\nhttp = "0.0.0.0:80"\n',
            "llmmon.toml:1: collector: '0.0.0.0:80' can be reached from other machines",
        ),
        (
            '[collector]\nlisten = "udp://x"\n',
            "llmmon.toml:2: collector.listen: 'udp://x': expected ipc://DIR or tcp://HOST:PORT",
        ),
        (
            '[collector]\ntimezone = "Mars/Base"\n',
            "llmmon.toml:2: collector.timezone: 'Mars/Base' is no time zone",
        ),
        (
            RULE.format(name="ok") + RULE.format(name="slow") + 'windw = "1m"\n',
            'llmmon.toml:9: rule[slow].windw: unknown key; did you mean "window"?',
        ),
        (
            '[[rule]]\nname = "x"\nwarning = { above = 1, clear = 0 }\nvalue = "error_rate"',
            'llmmon.toml:3: rule[x].warning.clear: unknown key; did you mean "clear_below"?',
        ),
        ('[[rule]]\nname = "x"\n', "llmmon.toml:1: rule[x].value: missing"),
        (
            '[[rule]]\nname = "x"\nvalue = "latency_p59"\nwarning = { above = 1 }\n',
            "llmmon.toml:3: rule[x].value: ",
        ),
        (
            '[[check]]\nname = "x"\ntype = "htpp"\n',
            'llmmon.toml:3: check[x].type: there is no type "htpp"; did you mean "http"?',
        ),
        ('[[check]]\nname = "x"\n', "llmmon.toml:1: check[x].type: missing"),
        (
            '[[check]]\nname = "x"\ntype = "tcp"\nhost = "h"\nprt = 1\n',
            "llmmon.toml:1: check[x].port: missing: it has no default, so write it (1 more",
        ),
        (
            '[[check]]\nname = "x"\ntype = "cpu"\ntime_out = "1s"\n',
            'llmmon.toml:4: check[x].time_out: unknown key; did you mean "timeout"?',
        ),
        (
            '[[check]]\nname = "x"\ntype = "cpu"\ntimeout = "1m"\n',
            "llmmon.toml:1: check[x]: timeout is longer than interval",
        ),
        (
            '[[check]]\nname = "x"\ntype = "cpu"\n[[check]]\ntype = "cpu"\nname = "x"\n',
            "llmmon.toml:6: check[x].name: a check of this name is in llmmon.toml:2 too: rename",
        ),
        (
            '[[check]]\nname = "x"\ntype = "llm"\nurl = "http://h"\napi_key = "sk-12345678"\n',
            "llmmon.toml:5: check[x].api_key: a secret is named, not written out: use env:NAME",
        ),
        (
            '[[check]]\nname = "x"\ntype = "sql"\ndsn = "postgresql://u:hunter2@h/db"\n',
            "llmmon.toml:1: check[x]: dsn holds a password",
        ),
        (
            '[channels.x]\ntype = "slak"\n',
            'llmmon.toml:2: channels.x.type: there is no type "slak"',
        ),
        ("rule = 3\n", "llmmon.toml:1: rule: should be a valid tuple"),
        (
            RULE.format(name="x") + 'channels = ["slack"]\n',
            "llmmon.toml:5: rule[x].channels: there is no [channels.slack]: add it; known here: ",
        ),
        (
            RULE.format(name="x") + 'window = "10m"\n',
            "llmmon.toml:5: rule[x].window: the collector keeps no window of 10m, only 1m, 5m, 1h",
        ),
        (
            (
                '[[rule]]\nname = "x"\nwarning = { above = 1 }\nvalue = \'check("reddis")\'\n'
                '[[check]]\nname = "redis"\ntype = "tcp"\nhost = "h"\nport = 1\n'
            ),
            (
                'llmmon.toml:4: rule[x].value: there is no [[check]] "reddis": add it; '
                'did you mean "redis"?'
            ),
        ),
        (
            (
                '[[route]]\nmatch = { severity = "critical" }\nchannels = ["pagr"]\n'
                '[channels.pager]\ntype = "log"\n'
            ),
            (
                "llmmon.toml:3: route[#1].channels: there is no [channels.pagr]: add it; "
                'did you mean "pager"?'
            ),
        ),
        (
            '[[route]]\nmute = ["nigth"]\n[schedules.night]\nfrom = "22:00"\nto = "07:00"\n',
            (
                "llmmon.toml:2: route[#1].mute: there is no [schedules.nigth]: add it; "
                'did you mean "night"?'
            ),
        ),
        (
            '[[slo]]\nname = "a"\ngood = "error is None"\nobjective = 0.99\nchannels = ["x"]\n',
            "llmmon.toml:5: slo[a].channels: there is no [channels.x]",
        ),
        (
            RULE.format(name="slo.a"),
            'llmmon.toml:2: rule[slo.a].name: "slo." and "budget." begin the names of rules that',
        ),
        (
            '[[budget]]\nname = "a"\nlimit_usd = 1\n[[budget]]\nname = "a"\nlimit_usd = 2\n',
            "llmmon.toml:5: budget[a].name: a budget of this name is in llmmon.toml:2 too",
        ),
    ],
)
def test_mistakes_are_explained(text: str, message: str) -> None:
    error = refused(text)
    assert str(error).startswith(message)
    assert "hunter2" not in str(error)
    assert "sk-12345678" not in str(error)


def test_one_rule_name_in_two_files_names_both_places() -> None:
    error = refused(RULE.format(name="a"), RULE.format(name="b"), "\n" + RULE.format(name="a"))
    assert str(error) == (
        "rules.d/1.toml:3: rule[a].name: a rule of this name is in llmmon.toml:2 too: rename one"
    )


def test_rule_files_hold_rules_only() -> None:
    error = refused("", '[collector]\nname = "x"\n')
    assert str(error) == "rules.d/0.toml:1: collector: unknown key; known here: budget, rule, slo"


@given(st.text(alphabet=st.sampled_from("[]{}=\"'\n#.ar ulecok1"), max_size=60))
def test_any_text_is_settings_or_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        parse(text)
        return
    error = refused(text)
    assert error.file == "llmmon.toml"
    assert error.line is not None
    assert 1 <= error.line <= text.count("\n") + 1
