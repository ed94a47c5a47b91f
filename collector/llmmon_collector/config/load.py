"""Finds and reads the configuration files. The rest is in :mod:`parse`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmmon.errors import ConfigError
from llmmon_collector.config.document import Document
from llmmon_collector.config.parse import parse_settings
from llmmon_collector.config.settings import Settings

CONFIG_VARIABLE: Final = "LLMMON_CONFIG"
_FILE_NAME: Final = "llmmon.toml"
_SYSTEM_FILE: Final = Path("/etc/llmmon") / _FILE_NAME
_MAX_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and where it came from."""

    settings: Settings
    sources: tuple[Path, ...]
    """The files read, the main one first; empty when there is none."""
    rules_dir: Path | None
    """Where more rule files may appear."""

    @property
    def main(self) -> Path | None:
        """The file to name when loading again, so that the search cannot find another."""
        return self.sources[0] if self.sources else None


def load(path: Path | None, environ: Mapping[str, str], cwd: Path) -> Loaded:
    """The configuration at ``path``, else the first that is found, else all defaults.

    Relative directories in the file are taken from where the file is.

    Raises:
        ConfigError: a named file is not there, or one is wrong; names file, line, key and reason.
    """
    main = find_config(path, environ, cwd)
    if main is None:
        return Loaded(parse_settings(None), (), None)
    document = read_document(main)
    settings = _with_absolute_paths(parse_settings(document), main.parent, environ)
    if settings.collector.rules_dir is None:
        return Loaded(settings, (main,), None)
    rules_dir = Path(settings.collector.rules_dir)
    files = _rule_files(rules_dir, main)
    settings = parse_settings(document, [read_document(file) for file in files])
    settings = _with_absolute_paths(settings, main.parent, environ)
    return Loaded(settings, (main, *files), rules_dir)


def find_config(path: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Which file to read: ``path``, ``LLMMON_CONFIG``, else the first there is of three places.

    A file that is named need not exist: reading it then tells of the mistake.
    """
    if path is not None:
        return cwd / path
    if named := environ.get(CONFIG_VARIABLE):
        return cwd / named
    user_dir = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    places = (cwd / _FILE_NAME, Path(user_dir) / "llmmon" / _FILE_NAME, _SYSTEM_FILE)
    return next((place for place in places if place.is_file()), None)


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/llmmon``, else ``~/.local/state/llmmon``."""
    if state_home := environ.get("XDG_STATE_HOME"):
        return Path(state_home) / "llmmon"
    return Path(environ.get("HOME") or "/") / ".local" / "state" / "llmmon"


def _rule_files(rules_dir: Path, main: Path) -> list[Path]:
    try:
        return sorted(file for file in rules_dir.iterdir() if is_rule_file(file))
    except OSError as error:
        raise ConfigError(
            f"cannot list {rules_dir}: {error.strerror}", file=str(main), key="collector.rules_dir"
        ) from None


def is_rule_file(file: Path) -> bool:
    """Whether ``file`` of a ``rules_dir`` counts; editors' hidden copies do not."""
    return file.suffix == ".toml" and not file.name.startswith(".")


def read_document(file: Path) -> Document:
    """The text of ``file``.

    Raises:
        ConfigError: it cannot be read, is longer than 4 MiB, or no UTF-8 text.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(file)) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8 text: save it as UTF-8", file=str(file), line=line) from None
    if len(content) > _MAX_BYTES:
        raise ConfigError("longer than 4 MiB: this is no configuration", file=str(file))
    return Document(str(file), text)


def _with_absolute_paths(settings: Settings, base: Path, environ: Mapping[str, str]) -> Settings:
    tables = {"collector": ("state_dir", "rules_dir"), "security": ("keys_dir",)}
    update = {}
    for name, keys in tables.items():
        table = getattr(settings, name)
        given = {key: text for key in keys if (text := getattr(table, key)) is not None}
        absolute = {key: str(_absolute(text, base, environ)) for key, text in given.items()}
        update[name] = table.model_copy(update=absolute)
    return settings.model_copy(update=update)


def _absolute(text: str, base: Path, environ: Mapping[str, str]) -> Path:
    if text == "~" or text.startswith("~/"):
        return Path(environ.get("HOME") or "/") / text[2:]
    return base / text
