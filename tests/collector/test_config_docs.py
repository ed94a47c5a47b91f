"""The guide to the configuration names every key and every type there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmmon_collector.config.settings import Settings

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"


def kinds(schema: dict[str, Any]) -> Iterator[str]:
    for definition in schema["$defs"].values():
        kind = definition.get("properties", {}).get("type", {})
        if "const" in kind:
            yield kind["const"]


def keys(schema: dict[str, Any]) -> Iterator[str]:
    for definition in (schema, *schema["$defs"].values()):
        yield from definition.get("properties", ())


def test_every_key_is_documented() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    schema = Settings.model_json_schema(by_alias=True)
    known = set(keys(schema)) | set(kinds(schema))
    assert {"window", "interval", "from", "max_series", "slack", "llm"} <= known
    tables = {"rule", "price", "check", "channels", "collector", "security", "schedules", "inhibit"}
    assert {key for key in known - tables if f"`{key}`" not in guide} == set()
