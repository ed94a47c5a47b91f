"""Follows a channel's references to secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmmon.errors import ConfigError
from llmmon_collector.notify.fields import check_url, is_reference
from llmmon_collector.scrub import MASK
from llmmon_collector.secret import read_secret

_MASKED_FROM: Final = 4
"""Characters; what is shorter is in too many words to be masked in all of them."""


class Place:
    """Which channel it is, and the environment that ``env:`` looks in."""

    def __init__(self, channel: str, environ: Mapping[str, str]) -> None:
        self.channel = channel
        self._environ = environ
        self._secrets: set[str] = set()

    def secret(self, key: str, reference: str) -> str:
        """What ``reference``, the value of ``key``, stands for.

        Raises:
            ConfigError: it cannot be read; names the key.
        """
        try:
            secret = read_secret(reference, self._environ)
        except ConfigError as error:
            raise ConfigError(error.reason, file=error.file, key=self._path(key)) from None
        if not secret.isprintable():
            raise ConfigError("a secret here is one line of text", key=self._path(key))
        self._secrets.add(secret)
        return secret

    def optional_secret(self, key: str, reference: str | None) -> str | None:
        """As :meth:`secret`; None for none."""
        return None if reference is None else self.secret(key, reference)

    def value(self, key: str, text: str) -> str:
        """``text``, or the secret that it names. Raises as :meth:`secret`."""
        return self.secret(key, text) if is_reference(text) else text

    def url(self, key: str, text: str) -> str:
        """``text``, or the URL in the secret that it names.

        Raises:
            ConfigError: it cannot be read, or is no URL; names the key.
        """
        if not is_reference(text):
            return text
        try:
            return check_url(self.secret(key, text))
        except ValueError:
            reason = f"what {text} holds is not a URL such as https://example.org/hook"
            raise ConfigError(reason, key=self._path(key)) from None

    def masked(self, text: str) -> str:
        """``text`` without the secrets that were read here."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _MASKED_FROM:
                text = text.replace(secret, MASK)
        return text

    def _path(self, key: str) -> str:
        return f"channels.{self.channel}.{key}"
