"""Sends mail over SMTP, a connection a mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final

from llmmon.errors import ConfigError
from llmmon_collector.notify.messages.mail import mail_message
from llmmon_collector.notify.model import EmailChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.result import Failed, Result, Retry, Sent
from llmmon_collector.notify.senders.blocking import Blocking
from llmmon_collector.notify.senders.references import Place
from llmmon_collector.scrub import scrub

_MENDABLE: Final = (
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
)


class MailSender:
    """See :class:`~llmmon_collector.notify.senders.sender.Sender`."""

    batch_size = 50

    def __init__(self, spec: EmailChannel, place: Place) -> None:
        """Raises ConfigError: the password or the certificates cannot be read."""
        self._spec = spec
        self._password = place.optional_secret("password", spec.password)
        self._trust = _trust(spec, place)
        self._blocking = Blocking(f"llmmon-notify-{place.channel}", spec.timeout_s)

    async def send(self, batch: Sequence[Delivery], now_ns: int) -> Result:
        """One mail."""
        message = mail_message(batch, self._spec, now_ns)
        try:
            refused = await self._blocking.call(lambda: self._deliver(message))
        except TimeoutError:
            return Retry(f"no answer within {self._spec.timeout_s:g} s")
        except smtplib.SMTPException as error:
            return judge_smtp(error)
        except OSError as error:
            return Retry(error.strerror or type(error).__name__)
        return Sent(f"not taken for {', '.join(sorted(refused))}" if refused else "")

    async def close(self) -> None:
        """Nothing is held. A call that hangs is left to its own time-out."""

    def _deliver(self, message: EmailMessage) -> dict[str, tuple[int, bytes]]:
        """Send it; the recipients that were refused, when others were not."""
        with self._connect() as server:
            if self._spec.encryption == "starttls":
                server.starttls(context=self._trust)
            if self._spec.username is not None and self._password is not None:
                server.login(self._spec.username, self._password)
            return server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        spec = self._spec
        if spec.encryption == "tls":
            return smtplib.SMTP_SSL(
                spec.host, spec.smtp_port, timeout=spec.timeout_s, context=self._trust
            )
        return smtplib.SMTP(spec.host, spec.smtp_port, timeout=spec.timeout_s)


def judge_smtp(error: smtplib.SMTPException) -> Result:
    """What an error means: a reply of 5xx to a mail is for good, one to whoever connects and logs
    in can be mended while the mail waits."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        reason = f"SMTP {max(codes)}: no recipient was accepted"
        return Failed(reason) if min(codes) >= 500 else Retry(reason)
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        reason = f"SMTP {error.smtp_code}: {scrub(text)}"
        if error.smtp_code < 500 or isinstance(error, _MENDABLE):
            return Retry(reason)
        return Failed(reason, by_content=isinstance(error, smtplib.SMTPDataError))
    return Retry(type(error).__name__)


def _trust(spec: EmailChannel, place: Place) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=spec.ca_file)
    except OSError as error:
        reason = f"{spec.ca_file} cannot be read as certificates: {error.strerror or error}"
        raise ConfigError(reason, key=f"channels.{place.channel}.ca_file") from None
