"""Knows every key there is, to name the nearest one to a mistaken key. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "..."?`` when a known word is near, else the known words, else nothing."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known here: {', '.join(words)}" if words else ""


def known_keys(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """The keys of the table at ``location``, a pydantic error's, discriminator tags included."""
    schema = _schema(model)
    nodes = _flatten(schema, schema)
    for part in location:
        nodes = [
            found
            for node in nodes
            for step in _steps(node, part)
            for found in _flatten(step, schema)
        ] or nodes
    return {key for node in nodes for key in node.get("properties", ())}


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _flatten(node: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``node`` behind its reference. Alternatives stay apart until a tag chooses."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if "discriminator" in node:
        return [
            {"tags": {tag: {"$ref": ref} for tag, ref in node["discriminator"]["mapping"].items()}}
        ]
    alternatives = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if alternatives:
        return [found for each in alternatives for found in _flatten(each, schema)]
    return [node]


def _steps(node: Mapping[str, Any], part: str | int) -> Iterable[Mapping[str, Any]]:
    if isinstance(part, int):
        items = node.get("items")
        return [items] if isinstance(items, dict) else []
    for group in ("tags", "properties"):
        if part in node.get(group, {}):
            return [node[group][part]]
    rest = node.get("additionalProperties")
    return [rest] if isinstance(rest, dict) else []
