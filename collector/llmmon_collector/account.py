"""What became of one agent's events in one epoch: emitted = stored + lost + in flight. Pure.

The ledger in memory, the journal's replay and the store all keep their books by these rules, so
that they agree. What is stored and what is lost follows from the event offsets in batch headers;
an agent's own counters say why, and after its goodbye whether anything is still to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from llmmon.protocol.codec import as_counts, decode_map
from llmmon.protocol.names import LOSS_REASONS
from llmmon.protocol.wire import Header

UNEXPLAINED: Final = "unexplained"
"""Losses that the offsets prove and no agent has given a reason for."""
AGENT_GONE: Final = "agent_gone"
"""Events of an agent that ended without a word and was waited for in vain."""
POISON: Final = "poison"
"""Events of batches that could not be read."""
FORGET_ENDED_S: Final = 86_400
"""How long the account of an agent that has ended is kept by itself, in memory and on disk."""
OTHER: Final = "other"
"""What is lost for reasons that no agent of ours gives: agents can send any short text."""
REASONS: Final = frozenset((*LOSS_REASONS, UNEXPLAINED, OTHER))
"""Every reason that books can have."""


@dataclass(slots=True)
class Account:
    """Where one agent stands in one epoch."""

    last_seq: int = 0
    next_event: int = 0
    """Events settled, which are stored or lost: all up to and with the last committed batch."""
    stored: int = 0
    poisoned: int = 0
    """Events of batches that could not be read, part of ``lost``."""
    gone: int = 0
    """Events given up when their agent was, part of ``lost``."""
    emitted: int = 0
    """Events that the agent has recorded, as far as is known."""
    claims: Mapping[str, int] = field(default_factory=dict)
    """The agent's own count of its losses, by reason."""
    parted: bool = False
    """It said BYE, or was given up."""

    @property
    def lost(self) -> int:
        """Events that are settled and not stored."""
        return self.next_event - self.stored

    @property
    def in_flight(self) -> int:
        """Events recorded, neither stored nor known to be lost."""
        return self.emitted - self.next_event

    @property
    def ended(self) -> bool:
        """Nothing is to come any more."""
        return self.parted and self.emitted == self.next_event

    def take(self, header: Header, claims: Mapping[str, int]) -> None:
        """Book a committed batch.

        One that comes after it was given up is not lost any more.
        """
        self.stored += header.events
        self._settle_to(max(header.first_event + header.events, self.stored))
        self.last_seq = header.seq
        if not self.parted:  # a goodbye knows more than the batches that come after it
            self.claims = known_reasons(claims)
        self._settle_goodbye()

    def poison(self, header: Header) -> None:
        """Book a batch that cannot be read: its events are lost, and nobody asks for it again."""
        before = self.next_event
        self._settle_to(header.first_event + header.events)
        self.poisoned += min(header.events, self.next_event - before)
        self.last_seq = header.seq
        self._settle_goodbye()

    def tell(self, emitted: int) -> None:
        """Note how many events the agent says it has recorded; if more than known, it goes on."""
        if emitted > self.emitted:
            self.emitted = emitted
            self.parted = False

    def part(self, emitted: int, claims: Mapping[str, int]) -> None:
        """Book a goodbye: what the agent says it has dropped is lost.

        What it does not speak of may still come, from its spool; with a claim of ``AGENT_GONE``
        nobody waits for it.
        """
        self.tell(emitted)
        self.parted = True
        if AGENT_GONE in claims:
            self.gone += self.in_flight
            self._settle_to(self.emitted)
            return
        self.claims = known_reasons(claims) or self.claims
        self._settle_goodbye()

    def knows(self, emitted: int, claims: Mapping[str, int]) -> bool:
        """Whether a goodbye of these says nothing new."""
        return self.parted and self.emitted == emitted and self.claims == known_reasons(claims)

    def lost_by_reason(self) -> dict[str, int]:
        """``lost`` told apart by the agent's claims, as far as they go."""
        left, reasons = self.lost, dict[str, int]()
        for reason, count in ((POISON, self.poisoned), (AGENT_GONE, self.gone)):
            if share := min(count, left):
                reasons[reason] = share
                left -= share
        for reason, count in self.claims.items():
            if share := min(count, left):
                reasons[reason] = reasons.get(reason, 0) + share
                left -= share
        if left:
            reasons[UNEXPLAINED] = left
        return reasons

    def _settle_to(self, offset: int) -> None:
        self.next_event = max(self.next_event, offset)
        self.tell(self.next_event)

    def _settle_goodbye(self) -> None:
        """After a goodbye: if all that is missing is explained, nothing is to come."""
        if self.parted and self.in_flight:
            explained = sum(self.claims.values()) - (self.lost - self.poisoned - self.gone)
            if self.in_flight <= explained:
                self._settle_to(self.emitted)


ACCOUNT_FIELDS: Final = tuple(item.name for item in fields(Account))
"""What an account is kept in."""


def known_reasons(counts: Mapping[str, int]) -> Mapping[str, int]:
    """``counts`` with those of unknown reasons together under ``OTHER``."""
    if counts.keys() <= REASONS:
        return counts
    known = dict[str, int]()
    add_into(known, counts)
    return known


def add_into(sums: dict[str, int], more: Mapping[str, int]) -> None:
    """Add ``more`` to ``sums``, reason by reason; ``sums`` never has more than ``REASONS``."""
    for reason, count in more.items():
        name = reason if reason in REASONS else OTHER
        sums[name] = sums.get(name, 0) + count


def decode_claims(payload: bytes) -> dict[str, int]:
    """What a BYE says of its agent's losses: counts by reason.

    Raises:
        SchemaError: not a small map of texts to counts.
    """
    return as_counts(decode_map(payload))
