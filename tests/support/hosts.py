"""Two hosts on this machine: network namespaces joined by one cable that can be pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hosts:
    """``near`` is where the collector runs, ``far`` where its agents do."""

    near: str
    far: str
    near_address: str
    link: str

    def near_command(self, command: Sequence[str | Path]) -> list[str | Path]:
        """``command``, run on the near host."""
        return ["ip", "netns", "exec", self.near, *command]

    def far_command(self, command: Sequence[str | Path]) -> list[str | Path]:
        """``command``, run on the far host."""
        return ["ip", "netns", "exec", self.far, *command]

    def cut(self) -> None:
        """Pull the cable: what is on its way is gone, and nobody is told."""
        _ip("-n", self.near, "link", "set", self.link, "down")

    def mend(self) -> None:
        """Plug it in again."""
        _ip("-n", self.near, "link", "set", self.link, "up")


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """Made with ``ip netns`` from iproute2, which needs root; gone afterwards."""
    if shutil.which("ip") is None:
        raise RuntimeError("ip is not installed: this needs iproute2, and root")
    pid = os.getpid()
    hosts = Hosts(f"llmmon-near-{pid}", f"llmmon-far-{pid}", "10.231.77.1", f"ln{pid}")
    far_link = f"lf{pid}"
    try:
        for host in (hosts.near, hosts.far):
            _ip("netns", "add", host)
            _ip("-n", host, "link", "set", "lo", "up")
        _ip("-n", hosts.near, "link", "add", hosts.link, "type", "veth", "peer", "name", far_link)
        _ip("-n", hosts.near, "link", "set", far_link, "netns", hosts.far)
        ends = ((hosts.near, hosts.link, 1), (hosts.far, far_link, 2))
        for host, link, number in ends:
            _ip("-n", host, "addr", "add", f"10.231.77.{number}/30", "dev", link)
            _ip("-n", host, "link", "set", link, "up")
        yield hosts
    finally:
        for host in (hosts.near, hosts.far):
            subprocess.run(["ip", "netns", "delete", host], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}; needs root")
