"""Senders: one attempt to deliver a batch over one channel."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp
import orjson

from llmmon.errors import ConfigError
from llmmon_collector.notify.model import (
    AppriseChannel,
    ChannelSpec,
    SlackChannel,
    WebhookChannel,
    check_url,
    is_reference,
)
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.payload import (
    body,
    group_title,
    log_fields,
    signature,
    slack_body,
    title,
    webhook_body,
)
from llmmon_collector.notify.result import Result, Retry, Sent, judge_status
from llmmon_collector.scrub import scrub
from llmmon_collector.secret import read_secret

Log = Callable[[str, Mapping[str, Any]], None]
"""Takes an event and its fields."""

_MAX_REASON: Final = 200
_INCIDENTS: Final = {"pagerduty": "dedup", "opsgenie": "alias"}
"""Apprise services that open and close incidents, and what they call the deduplication key."""


class Sender(Protocol):
    """Delivers to one place."""

    batch_size: int
    """Most deliveries in one message."""

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """Try once; ``now_ns`` is wall time. Raises nothing but on a bug."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


def make_sender(name: str, spec: ChannelSpec, environ: Mapping[str, str], log: Log) -> Sender:
    """The sender of the channel ``name``, its secrets read.

    Raises:
        ConfigError: a secret cannot be read, or is not what it should be; names the key.
    """
    match spec:
        case WebhookChannel():
            return WebhookSender(spec, _WebhookSecrets(name, spec, environ))
        case SlackChannel():
            return SlackSender(spec, _secret_url(name, spec.url, environ))
        case AppriseChannel():
            return AppriseSender(spec, name, _secret(f"{name}.url", spec.url, environ))
        case _:
            return LogSender(log)


class LogSender:
    """Writes to the collector's log."""

    batch_size = 100

    def __init__(self, log: Log) -> None:
        self._log = log

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """See :class:`Sender`."""
        for delivery in batch:
            self._log("alert", log_fields(delivery))
        return Sent()

    async def close(self) -> None:
        """See :class:`Sender`."""


class _Poster:
    """Posts JSON: one attempt, no redirects, no cookies, no proxies from the environment."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def post(self, data: bytes, headers: Mapping[str, str], now_ns: int) -> Result:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        sent = {"Content-Type": "application/json", "User-Agent": "llmmon", **headers}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.post(
                    self._url, data=data, headers=sent, allow_redirects=False
                ) as response,
            ):
                text = (await response.content.read(_MAX_REASON)).decode(errors="replace")
                reason = f"HTTP {response.status}: {scrub(text)}"
                after = response.headers.get("Retry-After")
                return judge_status(response.status, reason, after, now_ns / 1e9)
        except TimeoutError:
            return Retry(f"no answer within {self._timeout_s:g} s")
        except aiohttp.ClientError as error:
            return Retry(type(error).__name__)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class _WebhookSecrets:
    """A webhook's URL, headers and signing secret with their references followed."""

    def __init__(self, name: str, spec: WebhookChannel, environ: Mapping[str, str]) -> None:
        url_is_secret = is_reference(spec.url)
        self.url = _secret_url(name, spec.url, environ) if url_is_secret else spec.url
        self.headers = {
            header: _secret(f"{name}.headers.{header}", value, environ)
            if is_reference(value)
            else value
            for header, value in spec.headers.items()
        }
        self.secret = (
            None if spec.secret is None else _secret(f"{name}.secret", spec.secret, environ)
        )


class WebhookSender:
    """Posts ``payload.webhook_body``, signed when there is a secret."""

    batch_size = 100

    def __init__(self, spec: WebhookChannel, secrets: _WebhookSecrets) -> None:
        self._secrets = secrets
        self._poster = _Poster(secrets.url, spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """See :class:`Sender`."""
        data = webhook_body(batch, now_ns)
        headers = dict(self._secrets.headers)
        if self._secrets.secret is not None:
            timestamp = str(now_ns // 10**9)
            headers["X-Llmmon-Timestamp"] = timestamp
            headers["X-Llmmon-Signature"] = signature(self._secrets.secret, timestamp, data)
        return await self._poster.post(data, headers, now_ns)

    async def close(self) -> None:
        """See :class:`Sender`."""
        await self._poster.close()


class SlackSender:
    """Posts ``payload.slack_body`` to an incoming webhook."""

    batch_size = 20

    def __init__(self, spec: SlackChannel, url: str) -> None:
        self._poster = _Poster(url, spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """See :class:`Sender`."""
        return await self._poster.post(orjson.dumps(slack_body(batch)), {}, now_ns)

    async def close(self) -> None:
        """See :class:`Sender`."""
        await self._poster.close()


class AppriseSender:
    """Hands a title and some lines to Apprise, in a thread of its own.

    Services that keep incidents get one message an alert under its deduplication key, and close
    the incident when it resolves.
    """

    def __init__(self, spec: AppriseChannel, name: str, url: str) -> None:
        # a quarter of a second to import, and most collectors have no such channel
        self._apprise = importlib.import_module("apprise")
        self._key_name = _INCIDENTS.get(url.partition("://")[0].lower())
        self.batch_size = 1 if self._key_name else 20
        self._url = url
        self._timeout_s = spec.timeout_s
        if self._apprise.Apprise.instantiate(url) is None:
            raise ConfigError(
                "not a URL that Apprise knows: see https://appriseit.com/services",
                key=f"channels.{name}.url",
            )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"llmmon-notify-{name}")

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """See :class:`Sender`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                accepted = await loop.run_in_executor(self._thread, self._notify, batch)
        except TimeoutError:
            return Retry(f"no answer within {self._timeout_s:g} s")
        return Sent() if accepted else Retry("Apprise could not deliver it")

    async def close(self) -> None:
        """See :class:`Sender`. A call that hangs is left to its own time-out."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _notify(self, batch: Sequence[Delivery]) -> bool:
        target = self._apprise.Apprise()
        target.add(self._address(batch[0].key))
        heading = title(batch[0]) if len(batch) == 1 else group_title(batch)
        text = body(batch[0]) if len(batch) == 1 else "\n".join(title(d) for d in batch)
        return bool(target.notify(body=text, title=heading, notify_type=_notify_type(batch)))

    def _address(self, key: str) -> str:
        if self._key_name is None:
            return self._url
        joint = "&" if "?" in self._url else "?"
        return f"{self._url}{joint}{self._key_name}={quote(key, safe='')}&action=map"


def _notify_type(batch: Sequence[Delivery]) -> str:
    firing = [d.alert.severity for d in batch if d.event == "firing"]
    if not firing:
        return "success"
    return "failure" if "critical" in firing else "warning"


def _secret(key: str, reference: str, environ: Mapping[str, str]) -> str:
    try:
        return read_secret(reference, environ)
    except ConfigError as error:
        raise ConfigError(error.reason, file=error.file, key=f"channels.{key}") from None


def _secret_url(name: str, reference: str, environ: Mapping[str, str]) -> str:
    url = _secret(f"{name}.url", reference, environ)
    try:
        return check_url(url)
    except ValueError:
        reason = f"what {reference} holds is not a URL such as https://example.org/hook"
        raise ConfigError(reason, key=f"channels.{name}.url") from None
