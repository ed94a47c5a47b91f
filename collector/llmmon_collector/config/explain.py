"""Turns what pydantic and tomllib say into one error with file, line, key and a way to mend it."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmmon.errors import ConfigError
from llmmon_collector.config.locate import Path, line_of
from llmmon_collector.config.suggest import known_keys, nearest

_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def explain_syntax(error: tomllib.TOMLDecodeError, text: str, file: str) -> ConfigError:
    """The error of a text that is not TOML."""
    message = str(error)
    place = _TOML_PLACE.search(message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    column = f" at column {place[2]}" if place and place[2] else ""
    reason = _TOML_PLACE.sub("", message)
    return ConfigError(f"not valid TOML{column}: {reason}", file=file, line=line)


def explain_validation(
    error: ValidationError, model: type[BaseModel], data: Any, text: str, file: str
) -> ConfigError:
    """The error of valid TOML that is no configuration: the first in the file, with a tally."""
    found = sorted(
        (_one(detail, model, data, text) for detail in error.errors(include_url=False)),
        key=lambda each: each[0] or 0,
    )
    line, key, reason = found[0]
    if len(found) > 1:
        reason = f"{reason} ({len(found) - 1} more after this)"
    return ConfigError(reason, file=file, line=line, key=key)


def key_name(path: Path, data: Any) -> str:
    """``path`` as an operator reads it: ``rule[slow_chat].window``, ``rule[#2].name``."""
    name = ""
    for part in path:
        data = _inside(data, part)
        if isinstance(part, int):
            label = data.get("name") if isinstance(data, dict) else None
            name += f"[{label}]" if isinstance(label, str) else f"[#{part + 1}]"
        else:
            name += f".{part}" if name else part
    return name


def _one(
    detail: ErrorDetails, model: type[BaseModel], data: Any, text: str
) -> tuple[int | None, str, str]:
    path = _path(detail, data)
    reason = _reason(detail, model)
    return line_of(text, path), key_name(path, data), reason


def _path(detail: ErrorDetails, data: Any) -> Path:
    """The error's location without the tags and validator names that pydantic puts in."""
    path: list[str | int] = []
    location = detail["loc"]
    for number, part in enumerate(location):
        missing = detail["type"] == "missing" and number == len(location) - 1
        if missing or _inside(data, part) is not None:
            path.append(part)
            data = _inside(data, part)
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        path.append(_tag_key(detail))
    return tuple(path)


def _inside(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _reason(detail: ErrorDetails, model: type[BaseModel]) -> str:
    location = detail["loc"]
    match detail["type"]:
        case "extra_forbidden":
            known = known_keys(model, location[:-1])
            return f"unknown key{nearest(str(location[-1]), known)}"
        case "missing":
            return "missing: it has no default, so write it"
        case "union_tag_invalid":
            tags = re.findall(r"'([^']+)'", str(detail["ctx"]["expected_tags"]))
            tag = str(detail["ctx"]["tag"])
            return f'there is no {_tag_key(detail)} "{tag}"{nearest(tag, tags)}'
        case "union_tag_not_found":
            return "missing: it says what kind this is, so write it"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _tag_key(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")
