"""Errors point at the character."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmon.errors import ConfigError
from llmmon_collector.tools.excerpt import located
from llmmon_collector.tools.ruleset import read_rules

RULE = '[[rule]]\nname = "r"\nvalue = "requests"\nwarning = { above = 5 }\n'


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        (RULE.replace('"requests"', '"reqests"'), 'value = "^reqests"'),
        (RULE.replace('"requests"', "'errors / reqests'"), "value = 'errors / ^reqests'"),
        (RULE.replace('"requests"', '"requests +"'), 'value = "requests +^"'),
        (RULE + "where = 'modle == \"m\"'\n", "where = '^modle == \"m\"'"),
        (RULE + 'where = "modle == \\"m\\""\n', 'where = "^modle == \\"m\\""'),
        (RULE + 'where = "model == \\"m\\" xor"\n', 'where = "model == \\"m\\" ^xor"'),
        (RULE.replace('"requests"', '"""\nrequests\n  + reqests"""'), '  + ^reqests"""'),
        (
            RULE.replace("{ above", '{ value = "eror_rate", above'),
            'warning = { value = "^eror_rate", above = 5 }',
        ),
        (RULE + "\twindwo = '5m'\n", "\t^windwo = '5m'"),
        (RULE + 'by = ["modl"]\n', '^by = ["modl"]'),
        (RULE.replace("above = 5", "above = five"), "warning = { above = ^five }"),
        (RULE.replace("warning", "#"), "[[^rule]]"),
    ],
)
def test_the_caret_stands_under_the_mistake(tmp_path: Path, text: str, marked: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_rules(file, {})
    found = located(caught.value, text)
    line, caret = found.text(text).splitlines()[1:]
    at = caret.index("^")
    assert line[4:at] + "^" + line[at:] == marked
    assert found.place is not None
    assert text.splitlines()[found.place.line - 1] == line[4:]
    assert found.text(text).startswith(f"{file}:{found.place.line}:{found.place.column}: ")


def test_an_error_without_a_line_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(tmp_path / "none.toml", {})
    assert located(caught.value, "").text("") == f"{tmp_path}/none.toml: {caught.value.reason}"
