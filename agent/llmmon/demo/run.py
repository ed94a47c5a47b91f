"""The demo as a whole: a collector, an agent and a workload between them."""

from __future__ import annotations

import math
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
_CALM_S: Final = 15.0
_TROUBLE_S: Final = 45.0
"""So that, with rules over a minute, alerts have resolved three minutes after the beginning."""
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
    """When the trouble comes: soon, and over while a short run still lasts."""
    if not options.incident:
        return None
    longest_s = math.inf if options.seconds is None else options.seconds / 4
    calm_s, trouble_s = min(_CALM_S, longest_s), min(_TROUBLE_S, longest_s)
    return Incident(HISTORY_S + calm_s, trouble_s, trouble_s)


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
            # its collector goes with it: nobody could take what is left
            spool_dir="off",
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
