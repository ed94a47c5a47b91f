from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP
from support.dispatching import SPECS, WALL_NS, Dispatching, alert, dispatching

from llmmon.errors import ConfigError

# Apprise imports a module that Python 3.11 deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*imghdr:DeprecationWarning")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Far:
    """An HTTP server that answers what the test says and keeps what it got."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[tuple[web.Request, bytes]] = asyncio.Queue()
        self.answers: list[Answer] = []
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self.server = TestServer(app)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.put_nowait((request, await request.read()))
        return await self.answers.pop(0)(request) if self.answers else web.Response(text="ok")

    def answer(self, status: int, **headers: str) -> None:
        async def respond(request: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text="token=abcdefgh12", headers=headers)

        self.answers.append(respond)

    def hang(self) -> None:
        async def respond(request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        self.answers.append(respond)

    def url(self, path: str = "/hook") -> str:
        return str(self.server.make_url(path))

    async def got(self) -> Any:
        _, content = await asyncio.wait_for(self.requests.get(), 5)
        return json.loads(content)


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    far = Far()
    await far.server.start_server()
    yield far
    await far.server.close()


@pytest.fixture
async def daemon() -> AsyncIterator[Dispatching]:
    async with dispatching() as made:
        yield made


async def test_without_channels_alerts_are_logged(daemon: Dispatching) -> None:
    daemon.start()
    daemon.put("log", "k")
    await daemon.settled()
    ((event, fields),) = daemon.logged
    assert (event, fields["change"], fields["rule"], fields["summary"]) == (
        "alert",
        "firing",
        "slow",
        "p95 11 ms",
    )


async def test_a_webhook_is_signed_and_carries_its_headers(daemon: Dispatching, far: Far) -> None:
    daemon.environ = {"KEY": "hunter2", "AUTH": "Bearer abc"}
    headers = {"Authorization": "env:AUTH", "X-Team": "ml"}
    spec = {"type": "webhook", "url": far.url(), "headers": headers, "secret": "env:KEY"}
    daemon.start(hook=spec)
    daemon.put("hook", "k")
    request, content = await asyncio.wait_for(far.requests.get(), 5)
    timestamp = request.headers["X-Llmmon-Timestamp"]
    digest = hmac.new(b"hunter2", timestamp.encode() + b"." + content, hashlib.sha256).hexdigest()
    assert request.headers["X-Llmmon-Signature"] == f"sha256={digest}"
    assert timestamp == str(WALL_NS // 10**9)
    assert (request.headers["Authorization"], request.headers["X-Team"]) == ("Bearer abc", "ml")
    assert json.loads(content)["alerts"][0]["id"] == "k"


async def test_slack_gets_blocks_and_what_waits_together_goes_together(
    daemon: Dispatching, far: Far
) -> None:
    daemon.environ = {"SLACK": far.url("/services/T/B/X")}
    daemon.start(slack={"type": "slack", "url": "env:SLACK"})
    daemon.put("slack", "a")
    one = await far.got()
    assert one["text"] == "🔴 [CRITICAL] slow (model=gpt-4o): p95 11 ms"
    [attachment] = one["attachments"]
    assert attachment["color"] == "#e01e5a"
    await daemon.settled()
    daemon.put("slack", *"bcd")
    assert (await far.got())["text"] == "Alerts: 3 firing"


async def test_a_resolve_is_told_to_who_was_told_of_the_alert(
    daemon: Dispatching, far: Far
) -> None:
    daemon.start(hook={"type": "webhook", "url": far.url()})
    daemon.put("hook", "k")
    await daemon.settled()
    daemon.put("hook", "k", event="resolved")
    await daemon.settled()
    assert [(await far.got())["alerts"][0]["event"] for _ in range(2)] == ["firing", "resolved"]
    assert not daemon.outbox.is_told("k")


async def test_a_server_error_is_retried_with_growing_waits(daemon: Dispatching, far: Far) -> None:
    far.answer(500)
    far.answer(503)
    dispatcher = daemon.start(hook={"type": "webhook", "url": far.url()})
    daemon.put("hook", "k")
    await daemon.settled()
    daemon.wake(after_s=1)
    await daemon.settled()
    status = daemon.status("hook")
    assert (status.waiting, status.failing_attempts) == (1, 2)
    assert status.last_error == "HTTP 503: token=***"
    assert dispatcher.problems() == ()
    far.answer(500)
    daemon.wake(after_s=2)
    await daemon.settled()
    assert dispatcher.problems() == ("channel hook fails, 1 waiting: HTTP 500: token=***",)
    daemon.wake(after_s=4)
    await daemon.settled()
    status = daemon.status("hook")
    assert (status.waiting, status.sent, status.failing_attempts) == (0, 1, 0)
    assert far.requests.qsize() == 4


async def test_too_many_requests_are_retried_when_asked(daemon: Dispatching, far: Far) -> None:
    far.answer(429, **{"Retry-After": "30"})
    daemon.start(hook={"type": "webhook", "url": far.url()}, log={"type": "log"})
    daemon.put("hook", "k")
    await daemon.settled()
    daemon.put("hook", "other")
    daemon.clock.advance(29.9)
    daemon.put("log", "k")
    await daemon.settled()
    assert daemon.outbox.waiting("hook") == 2
    assert far.requests.qsize() == 1
    daemon.wake(after_s=0.1)
    await daemon.settled()
    await far.got()
    assert len((await far.got())["alerts"]) == 2


@pytest.mark.parametrize("status", [301, 400, 404, 410])
async def test_a_refusal_is_final(daemon: Dispatching, far: Far, status: int) -> None:
    far.answer(status, Location=far.url("/elsewhere"))
    daemon.start(hook={"type": "webhook", "url": far.url()})
    daemon.put("hook", "k")
    await daemon.settled()
    assert (daemon.status("hook").waiting, daemon.status("hook").failed) == (0, 1)
    assert far.requests.qsize() == 1
    assert daemon.events() == ["notification_refused"]


async def test_a_hanging_channel_delays_no_other_and_is_given_up_on(
    daemon: Dispatching, far: Far
) -> None:
    far.hang()
    slow = {"type": "webhook", "url": far.url("/slow"), "timeout": "300ms"}
    daemon.start(slow=slow, fast={"type": "log"})
    daemon.put("slow", "k")
    await asyncio.wait_for(far.requests.get(), 5)
    daemon.put("fast", "k")
    await daemon.settled()
    assert daemon.logged[0][0] == "alert"
    assert daemon.status("fast").sent == 1
    await daemon.settled()
    assert daemon.status("slow").last_error == "no answer within 0.3 s"
    assert daemon.status("slow").waiting == 1


async def test_an_unreachable_channel_is_retried(daemon: Dispatching, far: Far) -> None:
    url = far.url()
    await far.server.close()
    daemon.start(hook={"type": "webhook", "url": url})
    daemon.put("hook", "k")
    await daemon.settled()
    assert daemon.status("hook").last_error == "no connection: Connection refused"
    assert daemon.status("hook").waiting == 1


async def test_stopping_breaks_off_and_keeps_what_is_undelivered(
    daemon: Dispatching, far: Far
) -> None:
    far.hang()
    dispatcher = daemon.start(hook={"type": "webhook", "url": far.url()})
    daemon.put("hook", "k")
    await asyncio.wait_for(far.requests.get(), 5)
    await dispatcher.stop()
    await dispatcher.stop()
    assert daemon.outbox.waiting("hook") == 1
    daemon.start(hook={"type": "webhook", "url": far.url()})
    assert (await far.got())["alerts"][0]["id"] == "k"


async def test_channels_are_replaced_while_running(daemon: Dispatching, far: Far) -> None:
    far.answer(500)
    dispatcher = daemon.start(old={"type": "webhook", "url": far.url()})
    daemon.put("old", "k")
    await daemon.settled()
    await dispatcher.replace(SPECS.validate_python({"new": {"type": "log"}}))
    daemon.put("new", "k")
    await daemon.settled()
    assert daemon.outbox.waiting("old") == 0
    assert [status.name for status in dispatcher.statuses()] == ["new"]
    assert daemon.logged[-1][0] == "alert"


async def test_apprise_posts_what_it_is_given(daemon: Dispatching, far: Far) -> None:
    daemon.environ = {"URL": far.url("/x").replace("http://", "json://")}
    daemon.start(any={"type": "apprise", "url": "env:URL"})
    daemon.put("any", "k")
    message = await far.got()
    assert message["title"] == "[CRITICAL] slow (model=gpt-4o): p95 11 ms"
    assert "Value: latency_p95 = 11 ms" in message["message"]
    assert message["type"] == "failure"
    await daemon.settled()
    far.answer(500)
    daemon.put("any", "k", event="resolved")
    await daemon.settled()
    assert (await far.got())["type"] == "success"
    assert daemon.status("any").last_error == "Apprise could not deliver it"


async def test_apprise_sends_mail(daemon: Dispatching) -> None:
    mail: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    class Inbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mail.put_nowait(envelope.content)
            return "250 OK"

    async with await loop.create_server(lambda: SMTP(Inbox()), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = "127.0.0.1:{}/ops@example.org?from=llmmon@example.org&mode=insecure&format=text"
        daemon.environ = {"MAIL": "mailto://" + address.format(port)}
        daemon.start(mail={"type": "apprise", "url": "env:MAIL"})
        daemon.put("mail", "k")
        content = await asyncio.wait_for(mail.get(), 10)
        await daemon.settled()
    assert b"ops@example.org" in content
    assert b"latency_p95" in content


async def test_a_missing_secret_at_reload_changes_nothing(daemon: Dispatching, far: Far) -> None:
    dispatcher = daemon.start(log={"type": "log"})
    with pytest.raises(Exception, match=r"channels\.x\.url: the environment variable NO"):
        await dispatcher.replace(SPECS.validate_python({"x": {"type": "slack", "url": "env:NO"}}))
    daemon.put("log", "k")
    await daemon.settled()
    assert daemon.status("log").sent == 1


async def test_a_secret_that_no_header_can_carry_is_refused_at_once(daemon: Dispatching) -> None:
    daemon.environ = {"TOKEN": "Bearer a\nHost: evil"}
    hook = {"type": "webhook", "url": "http://h/", "headers": {"Authorization": "env:TOKEN"}}
    with pytest.raises(ConfigError, match=r"channels\.hook\.headers\.Authorization.*one line"):
        daemon.start(hook=hook)


async def test_a_reload_forgets_neither_counts_nor_what_the_rate_limit_let_through(
    daemon: Dispatching, far: Far
) -> None:
    hook = {"type": "webhook", "url": far.url(), "rate_limit": "1/1h"}
    dispatcher = daemon.start(hook=hook)
    daemon.put("hook", alert("a", severity="warning"))
    await daemon.settled()
    await dispatcher.replace(SPECS.validate_python({"hook": {**hook, "timeout": "5s"}}))
    daemon.put("hook", alert("b", severity="warning"))
    await daemon.looked()
    assert (daemon.status("hook").sent, daemon.status("hook").waiting) == (1, 1)
    daemon.wake(after_s=3600)
    await daemon.settled()
    assert daemon.status("hook").sent == 2
