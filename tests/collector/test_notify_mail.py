"""Mail to a real SMTP server, with and without TLS and a login."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from support.dispatching import Dispatching, alert, dispatching


class Inbox:
    """What an SMTP server was handed, and what it says to it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.answers: list[str] = []
        self.refused: set[str] = set()
        self.port = 0

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"hunter2", handled=False)


@asynccontextmanager
async def serving(*, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Inbox]:
    inbox = Inbox()

    def make() -> SMTP:
        wanted = dict(options)
        if wanted.pop("login", False):
            wanted |= {"auth_required": True, "authenticator": inbox.authenticate}
            wanted |= {"auth_require_tls": tls is None}
        return SMTP(inbox, hostname="localhost", **wanted)

    loop = asyncio.get_running_loop()
    async with await loop.create_server(make, "127.0.0.1", 0, ssl=tls) as server:
        inbox.port = server.sockets[0].getsockname()[1]
        yield inbox


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for ``localhost``, in one file."""
    directory = tmp_path_factory.mktemp("tls")
    key, made = directory / "key.pem", directory / "cert.pem"
    name = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 {name}".split()
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_text(key.read_text() + made.read_text())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        made.environ = {"PASSWORD": "hunter2"}
        yield made


def start(daemon: Dispatching, inbox: Inbox, **keys: Any) -> None:
    spec = {
        "type": "email",
        "host": "localhost",
        "port": inbox.port,
        "encryption": "none",
        "from": "llmmon@example.org",
        "to": ["ops@example.org", "boss@example.org"],
    }
    daemon.start(mail={**spec, **keys})


async def test_a_mail_says_what_there_is_to_say_and_threads_with_the_next(
    daemon: Dispatching,
) -> None:
    async with serving() as inbox:
        start(daemon, inbox)
        for event in ("firing", "resolved"):
            daemon.put("mail", alert(summary="ß\np95"), event=event)
            await daemon.settled()
    firing, resolved = inbox.mails
    assert firing["Subject"] == "[CRITICAL] slow (model=gpt-4o): ß p95"
    assert firing["To"] == "ops@example.org, boss@example.org"
    assert firing["From"] == "llmmon@example.org"
    assert firing["Auto-Submitted"] == "auto-generated"
    assert firing["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert "Limit: above 10 ms" in firing.get_content()
    assert firing["References"] == resolved["References"] == resolved["In-Reply-To"]
    assert firing["Message-ID"] != resolved["Message-ID"]


async def test_alerts_of_one_group_go_in_one_mail(daemon: Dispatching) -> None:
    async with serving() as inbox:
        start(daemon, inbox, text="{rule}: {value}")
        daemon.put("mail", "a", "b")
        await daemon.settled()
    [mail] = inbox.mails
    assert mail["Subject"] == "Alerts: 2 firing"
    assert mail.get_content().count("slow: 11") == 2


# the server warns of what is no danger where the whole connection is encrypted
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_a_password_goes_over_tls_to_a_server_that_is_who_it_says(
    daemon: Dispatching, certificate: Path, server_tls: ssl.SSLContext, encryption: str
) -> None:
    tls = server_tls if encryption == "tls" else None
    starttls = {"tls_context": server_tls} if encryption == "starttls" else {}
    async with serving(tls=tls, login=True, **starttls) as inbox:
        login = {"username": "llmmon", "password": "env:PASSWORD", "encryption": encryption}
        start(daemon, inbox, ca_file=str(certificate), **login)
        daemon.put("mail", "a")
        await daemon.settled()
        assert daemon.status("mail").sent == 1, daemon.logged
    assert inbox.logins == [(b"llmmon", b"hunter2")]
    assert len(inbox.mails) == 1


async def test_a_certificate_that_nobody_trusts_gets_no_password(
    daemon: Dispatching, server_tls: ssl.SSLContext
) -> None:
    async with serving(login=True, tls_context=server_tls) as inbox:
        start(daemon, inbox, encryption="starttls", username="u", password="env:PASSWORD")
        daemon.put("mail", "a")
        await daemon.settled()
    assert (daemon.status("mail").waiting, inbox.logins) == (1, [])
    assert "certificate verify failed" in daemon.status("mail").last_error


async def test_a_wrong_password_can_be_mended_while_the_mail_waits(
    daemon: Dispatching, certificate: Path, server_tls: ssl.SSLContext
) -> None:
    daemon.environ = {"PASSWORD": "swordfish"}
    async with serving(login=True, tls_context=server_tls) as inbox:
        login = {"username": "llmmon", "password": "env:PASSWORD", "encryption": "starttls"}
        start(daemon, inbox, ca_file=str(certificate), **login)
        daemon.put("mail", "a")
        await daemon.settled()
    channel = daemon.status("mail")
    assert (channel.waiting, channel.failed) == (1, 0)
    assert channel.last_error.startswith("SMTP 535")
    assert "swordfish" not in repr(daemon.logged) + repr(channel)


@pytest.mark.parametrize(
    ("answer", "waiting", "failed"), [("451 try later", 1, 0), ("554 no", 0, 1)]
)
async def test_a_server_says_whether_to_try_again(
    daemon: Dispatching, answer: str, waiting: int, failed: int
) -> None:
    async with serving() as inbox:
        inbox.answers = [answer]
        start(daemon, inbox)
        daemon.put("mail", "a")
        await daemon.settled()
    channel = daemon.status("mail")
    assert (channel.waiting, channel.failed) == (waiting, failed)
    assert channel.last_error == f"SMTP {answer[:3]}: {answer[4:]}"


async def test_who_is_not_taken_is_named_when_others_are(daemon: Dispatching) -> None:
    async with serving() as inbox:
        inbox.refused = {"boss@example.org"}
        start(daemon, inbox)
        daemon.put("mail", "a")
        await daemon.settled()
        assert daemon.status("mail").last_error == "not taken for boss@example.org"
        inbox.refused.add("ops@example.org")
        daemon.put("mail", "b")
        await daemon.settled()
    assert (daemon.status("mail").sent, daemon.status("mail").failed) == (1, 1)


async def test_a_server_that_says_nothing_is_given_up_on(daemon: Dispatching) -> None:
    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(ignore, "127.0.0.1", 0) as server:
        inbox = Inbox()
        inbox.port = server.sockets[0].getsockname()[1]
        start(daemon, inbox, timeout="300ms", host="127.0.0.1")
        daemon.put("mail", "a")
        await daemon.settled()
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    assert daemon.status("mail").waiting == 1
    assert daemon.status("mail").last_error == "no answer within 0.3 s"
