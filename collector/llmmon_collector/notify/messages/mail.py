"""A mail about some alerts. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from llmmon_collector.notify.model import EmailChannel
from llmmon_collector.notify.notification import Delivery
from llmmon_collector.notify.wording import group_title, state_of

_MAX_REFERENCES: Final = 20


def mail_message(batch: Sequence[Delivery], spec: EmailChannel, now_ns: int) -> EmailMessage:
    """Plain text. What is said of one alert makes one thread; sent again, it is the same mail."""
    message = EmailMessage()
    message["From"] = spec.from_address
    message["To"] = ", ".join(spec.to)
    message["Subject"] = _subject(batch, spec)
    message["Date"] = format_datetime(datetime.fromtimestamp(now_ns / 1e9, UTC))
    message["Message-ID"] = _message_id(batch, spec)
    message["In-Reply-To"] = _thread(batch[0], spec)
    threads = dict.fromkeys(_thread(delivery, spec) for delivery in batch[:_MAX_REFERENCES])
    message["References"] = " ".join(threads)
    message["Auto-Submitted"] = "auto-generated"
    if any(d.event == "firing" and d.alert.severity == "critical" for d in batch):
        message["X-Priority"] = "1"
    message.set_content("\n\n".join(_part(d, spec) for d in batch) + "\n")
    return message


def _subject(batch: Sequence[Delivery], spec: EmailChannel) -> str:
    subject = spec.wording.title_of(batch[0]) if len(batch) == 1 else group_title(batch)
    return " ".join(subject.split())


def _part(delivery: Delivery, spec: EmailChannel) -> str:
    alert = delivery.alert
    heading = f"{state_of(delivery)}: {alert.rule}\n{alert.summary}"
    if spec.title:
        heading = spec.wording.title_of(delivery)
    return f"{heading}\n\n{spec.wording.text_of(delivery)}"


def _message_id(batch: Sequence[Delivery], spec: EmailChannel) -> str:
    return _id(repr([(d.key, d.event, d.created_ns) for d in batch]), spec)


def _thread(delivery: Delivery, spec: EmailChannel) -> str:
    return _id(delivery.key, spec)


def _id(text: str, spec: EmailChannel) -> str:
    """Of the sender's domain: filters distrust others."""
    domain = spec.from_address.rpartition("@")[2]
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{domain}>"
