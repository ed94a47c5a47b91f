"""Wrong key, no key, revoked key, no check of keys: no batch is accepted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.collector import eventually
from support.keyed import MAIN, KeyedCollector
from support.report import Report

from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.keyfile import ClientFile

EVENTS = 200
PATIENCE_S = 4.0
"""How long a service tries: a welcome one is through in a fraction."""

DEAD_HANDLER = f"""
from llmmon_collector.security.zap import ZapHandler
def die(self, question):
    raise RuntimeError("sabotage")
ZapHandler._answer = die
{MAIN}
"""
NO_ENFORCEMENT = f"""
import zmq
from llmmon_collector.security.agentcheck import AgentCheck
from llmmon_collector.security.door import Door
from llmmon_collector.security.zap import ZapHandler
protect = Door.protect
def open_wide(self, socket):
    protect(self, socket)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 0)
Door.protect = open_wide
AgentCheck.refusal = lambda self, frames: ""
make = ZapHandler.__init__
ZapHandler.__init__ = lambda self, contexts, admit: make(self, (), admit)
{MAIN}
"""

Make = Callable[[str], KeyedCollector]


@pytest.fixture
def make() -> Iterator[Make]:
    directory = Path(tempfile.mkdtemp(prefix="llmmon-"))
    made: list[KeyedCollector] = []

    def make(code: str) -> KeyedCollector:
        made.append(KeyedCollector(directory, code))
        made[0].keys.new("shop", "agent")
        made[0].keys.new("anna", "operator")
        return made[0]

    yield make
    for each in made:
        each.close()
    shutil.rmtree(directory)


def outsiders(collector: KeyedCollector) -> dict[str, str | None]:
    """Key files, by what is wrong with each."""
    keys = collector.keys
    keys.new("unknown", "agent", allowed=False)
    keys.new("viewer", "viewer")
    other = keys.new("stranger", "agent", allowed=False)
    wrong = CurveKeys(other.public_key, other.public_key, other.secret_key)
    keys.store.add_client(ClientFile("wrong", "agent", wrong))
    return {
        "no key": None,
        "unknown key": "unknown",
        "wrong server key": "wrong",
        "viewer's key": "viewer",
    }


@pytest.mark.timeout(300)
def test_no_batch_is_accepted_without_an_allowed_key(make: Make, report: Report) -> None:
    collector = make(MAIN)
    who = outsiders(collector)
    collector.start()
    services = {why: collector.service(why, key, PATIENCE_S) for why, key in who.items()}
    good = collector.service("allowed", "shop")
    assert good.record(EVENTS) == EVENTS
    for why, service in services.items():
        assert service.record(EVENTS) == 0, why
        service.end()
    good.end()
    assert collector.stored() == {"allowed": EVENTS}
    for why in who:
        report(why, f"{EVENTS} events sent, 0 accepted; an allowed key's {EVENTS} of {EVENTS}")


@pytest.mark.timeout(300)
def test_no_batch_is_accepted_after_a_key_is_revoked(make: Make, report: Report) -> None:
    collector = make(MAIN)
    collector.start()
    service = collector.service("revoked", "shop", 0.05)
    accepted = service.record(EVENTS)
    eventually(lambda: service.record(1) > accepted, 20, "nothing is accepted at first")
    collector.keys.store.revoke("shop")
    revoked_s = time.monotonic()
    last, changed_s = service.record(1), revoked_s
    while time.monotonic() < revoked_s + PATIENCE_S:
        now = service.record(1)
        if now != last:
            last, changed_s = now, time.monotonic()
    assert changed_s - revoked_s < 1.0
    refused = collector.status("anna")["collector"]["security"]["refused"]["ingest"]
    assert refused["revoked key"] > 0
    service.end()
    assert collector.stored() == {"revoked": last}
    report(
        "revoked key",
        f"last batch accepted {changed_s - revoked_s:.2f} s after the revocation, "
        f"{refused['revoked key']} messages refused since",
    )


@pytest.mark.timeout(300)
def test_no_batch_is_accepted_when_keys_are_not_checked(make: Make, report: Report) -> None:
    collector = make(DEAD_HANDLER)
    collector.start()
    service = collector.service("dead handler", "shop", PATIENCE_S)
    assert service.record(EVENTS) == 0
    service.end()
    told = "keys are not being checked (RuntimeError: sabotage): nothing is accepted"
    eventually(lambda: told in collector.log_text(), 10, "it is not told")
    assert collector.stored() == {}
    report("dead ZAP handler", f"{EVENTS} events sent with an allowed key, 0 accepted, and told")


@pytest.mark.timeout(300)
def test_control_without_enforcement_an_unknown_key_is_accepted(make: Make) -> None:
    collector = make(NO_ENFORCEMENT)
    collector.keys.new("unknown", "agent", allowed=False)
    collector.start()
    service = collector.service("unknown", "unknown", 20.0)
    assert service.record(EVENTS) == EVENTS
    service.end()
    assert collector.stored() == {"unknown": EVENTS}
