"""The ``[security]`` table of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SecuritySettings(BaseModel):
    """Keys for ``tcp://``. An ``ipc://`` directory needs none: only its owner can enter it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys_dir: str | None = None
    """Holds ``server.key`` and ``allowed/``; ``$XDG_CONFIG_HOME/llmmon/keys`` when not given."""
    curve: bool | None = None
    """Whether loopback TCP asks for a key; when not given, it does where there is a server key."""
