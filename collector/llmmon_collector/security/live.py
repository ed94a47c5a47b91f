"""The keys in force: read from their directory, looked at again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from llmmon.errors import ConfigError
from llmmon.protocol.keyfile import GRANTS_DIRECTORY, SERVER_FILE, Grant, ServerPair
from llmmon_collector.security.files import Stamp, read_grant, read_server_pair, stamp_grants
from llmmon_collector.security.keyring import Change, Keyring

MOST_REVOKED: Final = 1000


class LiveKeys:
    """The collector's pair and who is allowed.

    A file that becomes unreadable leaves what it last said in force; one that is gone takes it
    away. ``keyring`` is replaced whole, so any thread may read it at any time.
    """

    def __init__(self, directory: Path, pair: ServerPair) -> None:
        """Take in what is allowed now; what cannot be read is in ``problems``."""
        self.directory = directory
        self.pair = pair
        self.keyring = Keyring()
        self.problems: tuple[str, ...] = ()
        """What is wrong in the directory, by file."""
        self.revoked: dict[str, Grant] = {}
        """Keys that were taken away while this collector ran, and whose they were."""
        self._seen: Mapping[Path, Stamp] = {}
        self._good: dict[Path, dict[str, Grant]] = {}
        self._broken: dict[Path, str] = {}
        self.look()

    def look(self) -> list[Change]:
        """Take in what has changed on disk; what came and went."""
        problems = self._server_problems()
        try:
            stamps = stamp_grants(self.directory / GRANTS_DIRECTORY)
        except ConfigError as error:
            self.problems = (*problems, f"keys not read again, the last ones are in force: {error}")
            return []
        for path in {*self._good, *self._broken} - set(stamps):
            self._good.pop(path, None)
            self._broken.pop(path, None)
        for path, stamp in stamps.items():
            if self._seen.get(path) != stamp:
                self._read(path)
        self._seen = stamps
        before, (self.keyring, shared) = self.keyring, self._merged()
        self.problems = (*problems, *self._broken.values(), *shared)
        changes = list(before.changes_to(self.keyring))
        self._remember(changes)
        return changes

    def _remember(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.revoked.pop(change.public_key, None)
            if not change.allowed:
                self.revoked[change.public_key] = change.grant
        while len(self.revoked) > MOST_REVOKED:
            del self.revoked[next(iter(self.revoked))]

    def holder(self, public_key: str) -> str:
        """Whose a key is that is not allowed: its beginning, and its name if it once was."""
        before = self.revoked.get(public_key)
        beginning = f"{public_key[:8]}..."
        return beginning if before is None else f"{before.name} ({beginning})"

    def _read(self, path: Path) -> None:
        try:
            self._good[path] = read_grant(path)
        except ConfigError as error:
            kept = "what it said before is in force" if path in self._good else "it allows nobody"
            self._broken[path] = f"key file not loaded, {kept}: {error}"
        else:
            self._broken.pop(path, None)

    def _merged(self) -> tuple[Keyring, list[str]]:
        """Every grant; a key in two files is nobody's, or revoking one would leave the other."""
        grants: dict[str, Grant] = {}
        shared: dict[str, set[str]] = {}
        for path in sorted(self._good):
            for key, grant in self._good[path].items():
                if key in grants:
                    shared.setdefault(key, {grants[key].name}).add(grant.name)
                grants[key] = grant
        told = [
            f"the key {key[:8]}... is allowed as {' and as '.join(sorted(names))}, "
            "so not at all: revoke all but one"
            for key, names in shared.items()
        ]
        return Keyring({key: grants[key] for key in grants if key not in shared}), told

    def _server_problems(self) -> list[str]:
        try:
            pair = read_server_pair(self.directory)
        except ConfigError as error:
            return [str(error)]
        if pair == self.pair:
            return []
        return [f"{self.directory / SERVER_FILE} has changed: restart the collector to use it"]
