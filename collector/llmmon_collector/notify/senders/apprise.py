"""Hands a title and some lines to Apprise."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final

from llmmon.errors import ConfigError
from llmmon_collector.notify.model import AppriseChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Result, Retry, Sent
from llmmon_collector.notify.senders.blocking import Blocking
from llmmon_collector.notify.senders.references import Place
from llmmon_collector.notify.wording import group_title

_OWN_TYPE: Final = frozenset({"pagerduty", "opsgenie"})
"""Services that keep incidents, which Apprise cannot close after a restart."""


class AppriseSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 20

    def __init__(self, spec: AppriseChannel, place: Place) -> None:
        """Raises ConfigError: the URL cannot be read, or Apprise does not know it."""
        # a quarter of a second to import, and most collectors have no such channel
        self._apprise = importlib.import_module("apprise")
        self._spec = spec
        self._url = place.secret("url", spec.url)
        scheme = self._url.partition("://")[0].lower()
        key = f"channels.{place.channel}.url"
        if scheme in _OWN_TYPE:
            raise ConfigError(f'use a channel of type = "{scheme}": it closes incidents', key=key)
        if self._apprise.Apprise.instantiate(self._url) is None:
            reason = "not a URL that Apprise knows: see https://appriseit.com/services"
            raise ConfigError(reason, key=key)
        self._blocking = Blocking(f"llmmon-notify-{place.channel}", spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One message."""
        try:
            accepted = await self._blocking.call(lambda: self._notify(batch))
        except TimeoutError:
            return Retry(f"no answer within {self._spec.timeout_s:g} s")
        return Sent() if accepted else Retry("Apprise could not deliver it")

    async def close(self) -> None:
        """Nothing is held. A call that hangs is left to its own time-out."""

    def _notify(self, batch: Sequence[Delivery]) -> bool:
        target = self._apprise.Apprise()
        target.add(self._url)
        wording = self._spec.wording
        if len(batch) == 1:
            heading, text = wording.title_of(batch[0]), wording.text_of(batch[0])
        else:
            heading, text = group_title(batch), "\n".join(wording.title_of(d) for d in batch)
        kind = _notify_type(batch)
        # told that it is plain text, Apprise escapes it for services that take HTML
        sent = target.notify(body=text, title=heading, notify_type=kind, body_format="text")
        return bool(sent)


def _notify_type(batch: Sequence[Delivery]) -> str:
    firing = [d.alert.severity for d in batch if d.event == "firing"]
    if not firing:
        return "success"
    return "failure" if "critical" in firing else "warning"
