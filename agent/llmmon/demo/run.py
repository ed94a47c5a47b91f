"""The demo as a whole: a collector, an agent and a workload between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import IO, Final, NamedTuple

import llmmon
from llmmon.demo.corpus import load_corpus
from llmmon.demo.player import HISTORY_S, Player
from llmmon.demo.recording import ChatService
from llmmon.demo.replay import RealPace, Throttle
from llmmon.demo.search import Library
from llmmon.demo.stage import stage
from llmmon.demo.workload import Incident, moments, plan
from llmmon.protocol.endpoint import Address

SERVICE: Final = "demo-chat"
SEED: Final = 20231116
"""The day of the arrivals: every demo plays the same requests."""
_CALM_S: Final = 20.0
_TROUBLE_S: Final = 60.0
_FLUSH_S: Final = 5.0


class Options(NamedTuple):
    """What the demo's command line asks for."""

    incident: bool = False
    seconds: float | None = None
    """How long it will run, if that is known."""
    speed: float = 1.0
    keep: bool = False


class Playing(NamedTuple):
    """A demo that runs."""

    address: Address
    player: Player


def incident_of(options: Options) -> Incident | None:
    """When the trouble comes: quarters of a run of known length, else soon and for two minutes."""
    if not options.incident:
        return None
    if options.seconds is None:
        return Incident(HISTORY_S + _CALM_S, _TROUBLE_S, _TROUBLE_S)
    quarter_s = options.seconds / 4
    return Incident(HISTORY_S + quarter_s, quarter_s, quarter_s)


@contextmanager
def playing(options: Options, answers: Callable[[Address], bool]) -> Iterator[Playing]:
    """A collector that is fed; afterwards all that was started is gone.

    Raises:
        LlmmonError: the collector does not start.
    """
    with stage(answers, options.keep) as address:
        llmmon.init(
            service=SERVICE,
            environment="demo",
            endpoint=address.text,
            capture_content=True,
            handle_sigterm=False,
        )
        corpus = load_corpus()
        requests = plan(corpus, Random(SEED), incident_of(options), options.speed)
        throttle = Throttle(llmmon.stats, RealPace(), address.text)
        library = Library(pair.context for pair in corpus.pairs if pair.context is not None)
        try:
            with (
                open(os.devnull, "w") as nowhere,
                Player(moments(requests), _service(library, nowhere), throttle.step) as player,
            ):
                yield Playing(address, player)
        finally:
            llmmon.shutdown(timeout_s=_FLUSH_S)


def _service(library: Library, log_stream: IO[str]) -> ChatService:
    # the screen is in use: log lines go to the collector only
    return ChatService(library, llmmon.get_logger(SERVICE, stream=log_stream))
