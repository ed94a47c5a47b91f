"""The guide's examples of checks are checks, of every type, and name every measurement."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter

from llmmon_collector.health.model import CheckSpec
from llmmon_collector.health.serving import MEASUREMENTS

GUIDE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
SPECS: TypeAdapter[CheckSpec] = TypeAdapter(CheckSpec)


def test_every_type_has_an_example_that_can_be_used() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    tables = [table for block in blocks for table in tomllib.loads(block).get("check", ())]
    specs = [SPECS.validate_python(table) for table in tables]
    union = get_args(get_args(CheckSpec)[0])
    kinds = {get_args(kind.model_fields["type"].annotation)[0] for kind in union}
    assert {spec.type for spec in specs} == kinds


def test_every_measurement_is_named() -> None:
    assert [name for name in MEASUREMENTS if f"`{name}`" not in GUIDE] == []
