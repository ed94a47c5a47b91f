"""The settings file: read at the start, written when a choice has changed, shared by all screens.

Nothing here stops a screen. A file that cannot be read is left as it is until there is something to
write; then it moves aside.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from llmmon.errors import ConfigError
from llmmon_tui.jsonplace import line_of
from llmmon_tui.preferences import Preferences, merge, read_preferences

_NAME: Final = "tui.json"
_BROKEN: Final = ".broken"


def settings_path(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CONFIG_HOME/llmmon/tui.json`, else below `~/.config`; None where nobody has a home.

    A relative `XDG_CONFIG_HOME` is not valid and does not count (XDG Base Directory Specification).
    """
    configured = Path(environ.get("XDG_CONFIG_HOME", ""))
    if configured.is_absolute():
        return configured / "llmmon" / _NAME
    home = Path(environ.get("HOME", ""))
    return home / ".config" / "llmmon" / _NAME if home.is_absolute() else None


class Settings:
    """What the file holds, and what of it this screen has changed."""

    def __init__(self, path: Path | None, themes: Collection[str]) -> None:
        """With `path` None nothing is remembered."""
        self._path = path
        self._themes = themes
        self.preferences = Preferences()
        """As chosen up to now."""
        self._written = self.preferences
        self.problem = ""
        """What was wrong with the file when it was read: the first of it, with file and line."""

    def load(self) -> Preferences:
        """Read the file. What cannot be used is as if it were not there; see `problem`."""
        self.problem = ""
        try:
            text = self._read()
            document = self._parse(text)
        except ConfigError as error:
            self.problem = f"{error}; until that is mended the defaults hold"
            return self.preferences
        except OSError as error:
            self.problem = f"{self._path}: {error.strerror or error}; the defaults hold"
            return self.preferences
        self.preferences, faults = read_preferences(document, self._themes)
        self._written = self.preferences
        if faults:
            line = line_of(text, faults[0].path)
            self.problem = str(ConfigError(faults[0].reason, file=str(self._path), line=line))
            self.problem += "; the default holds" if len(faults) == 1 else f"; {len(faults)} faults"
        return self.preferences

    def save(self, preferences: Preferences) -> str:
        """Choose these, and write what has changed; why that failed, or nothing.

        What could not be written still holds for this run, and is tried again with the next change.
        """
        self.preferences = preferences
        if preferences == self._written or self._path is None:
            return ""
        # a link that somebody keeps with other files of theirs stays a link
        target = Path(os.path.realpath(self._path))
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(target.with_name(f"{target.name}.lock")):
                self._write(target, preferences)
        except OSError as error:
            return f"settings are not kept: {self._path}: {error.strerror or error}"
        self._written = preferences
        return ""

    def _write(self, target: Path, preferences: Preferences) -> None:
        try:
            document = self._parse(self._read())
        except ConfigError:
            document = {}
            _move_aside(target)
        merged = merge(document, self._written, preferences)
        if merged != document:
            _replace(target, json.dumps(merged, indent=2, ensure_ascii=False) + "\n")

    def _read(self) -> str:
        if self._path is None:
            return ""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise ConfigError("expected text in UTF-8", file=str(self._path)) from error

    def _parse(self, text: str) -> dict[str, Any]:
        file = str(self._path)
        try:
            document = json.loads(text) if text.strip() else {}
        except json.JSONDecodeError as error:
            reason = f"expected JSON: {error.msg}, column {error.colno}"
            raise ConfigError(reason, file=file, line=error.lineno) from error
        except (ValueError, RecursionError) as error:
            raise ConfigError("expected JSON that can be read", file=file) from error
        if not isinstance(document, dict):
            raise ConfigError("expected an object, as in {}", file=file, line=1)
        return document


def view_names(environ: Mapping[str, str]) -> list[str]:
    """The names of the saved views."""
    preferences = Settings(settings_path(environ), ()).load()
    return [view.name for view in preferences.views]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among all screens of this user."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(target: Path, text: str) -> None:
    """Write all or nothing, for the owner only."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
    try:
        with open(descriptor, "wb") as file:
            # half of a surrogate pair has no UTF-8, but an escape that JSON understands
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _move_aside(target: Path) -> None:
    """Keep a file that cannot be read, under a name that is free."""
    number = 1
    while (aside := target.with_name(f"{target.name}{_BROKEN}-{number}")).exists():
        number += 1
    target.rename(aside)
