"""Lines of keys: against a text with every TOML shape, and against the parser itself."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmon_collector.config.locate import Path, line_of

TEXT = '''\
# top
title = "x"
[collector]
name = "a # not a comment ["  # [not] a table
windows = [
  "1m",   # ]
  "5m",
]
"odd key" = 1

[[rule]]
name = "one"
summary = """
[[rule]]
name = "no"
"""
[[rule]]
name = 'two'
warning = { above = 1, clear_below = 0 }
[rule.critical]
above = 5

[channels.slack]
url = 'C:\\['
[channels]
pager.url = "y"
[[a.b]]
[[a.b.c]]
k = 1
[[a.b]]
[[a.b.c]]
[[a.b.c]]
k = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("collector",), 3),
        (("collector", "name"), 4),
        (("collector", "windows"), 5),
        (("collector", "windows", 1), 5),
        (("collector", "odd key"), 9),
        (("collector", "missing"), 3),
        (("rule", 0), 11),
        (("rule", 0, "summary"), 13),
        (("rule", 1, "name"), 18),
        (("rule", 1, "warning", "clear_below"), 19),
        (("rule", 1, "critical", "above"), 21),
        (("rule", 1, "value"), 17),
        (("channels", "slack", "url"), 24),
        (("channels", "pager", "url"), 26),
        (("a", "b", 0, "c", 0, "k"), 29),
        (("a", "b", 1, "c", 1, "k"), 33),
        (("nowhere",), None),
    ],
)
def test_lines(path: Path, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert line_of(TEXT, path) == line


def leaves(value: Any, path: Path = ()) -> list[Path]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [leaf for number, item in enumerate(value) for leaf in leaves(item, (*path, number))]
    return [path]


KEYS = st.sampled_from(["a", "b-c", "d_1", "9"])
VALUES = st.sampled_from(
    ["1", '"x"', '"]["', "'#'", "[1, 2]", '[\n  "#",\n]', '"""\n[k]\na = 1\n"""', "'''\n\"'''"]
)
TABLES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["", "# [x]", "  "]), TABLES), min_size=1, max_size=6))
def test_every_key_is_found_on_the_line_that_sets_it(tables: list[tuple[str, Any]]) -> None:
    lines: list[str] = []
    expected: dict[Path, int] = {}
    for number, (filler, table) in enumerate(tables):
        lines += [filler, "[[t]]"]
        for key, value in table.items():
            expected[("t", number, key)] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    text = "\n".join(lines) + "\n"
    assert sorted(map(str, leaves(tomllib.loads(text)))) == sorted(map(str, expected))
    assert {path: line_of(text, path) for path in expected} == expected
