"""A text of TOML, and what it says, checked against a model. Pure."""

from __future__ import annotations

import tomllib
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from llmmon_collector.config.explain import explain_syntax, explain_validation

M = TypeVar("M", bound=BaseModel)
_BYTE_ORDER_MARK = "\ufeff"


class Document(NamedTuple):
    """One file."""

    file: str
    """Its name in messages."""
    text: str


def toml_of(document: Document) -> dict[str, Any]:
    """What ``document`` says.

    Raises:
        ConfigError: it is not TOML; names file and line.
    """
    text = document.text.removeprefix(_BYTE_ORDER_MARK)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise explain_syntax(error, text, document.file) from None


def validate(document: Document, model: type[M]) -> M:
    """``document`` as a ``model``.

    Raises:
        ConfigError: it is not TOML, or not what the model wants; names file, line and key.
    """
    data = toml_of(document)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        text = document.text.removeprefix(_BYTE_ORDER_MARK)
        raise explain_validation(error, model, data, text, document.file) from None
