"""A keys directory with real keys in it, made as an operator makes it."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import zmq

from llmmon.cli.keystore import KeyStore
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.endpoint import Address, parse_address
from llmmon.protocol.keyfile import ClientFile, ServerPair


class Keys:
    """``new`` makes a client's key, allowed or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = KeyStore(directory)
        self.pair = ServerPair(*new_pair())
        self.store.add_server(self.pair)

    def new(self, name: str, role: str, *, allowed: bool = True) -> CurveKeys:
        keys = CurveKeys(self.pair.public_key, *new_pair())
        self.store.add_client(ClientFile(name, role, keys))
        if allowed:
            self.store.grant(name, (role, (keys.public_key,)))
        return keys

    def file(self, name: str) -> str:
        return str(self.store.client_path(name))

    def secrets(self) -> list[str]:
        """Every secret key there is."""
        return [self.pair.secret_key, *(one.keys.secret_key for one in self.store.clients())]


def new_pair() -> tuple[str, str]:
    public_key, secret_key = zmq.curve_keypair()
    return public_key.decode(), secret_key.decode()


def use_keys(peer: zmq.Socket, keys: CurveKeys | None) -> None:
    if keys is not None:
        peer.curve_serverkey = keys.server_key.encode()
        peer.curve_publickey = keys.public_key.encode()
        peer.curve_secretkey = keys.secret_key.encode()


def free_tcp(host: str = "127.0.0.1") -> Address:
    """An address whose three ports are free just now."""
    while True:
        # below the ports that the system gives to whoever connects
        port = random.randrange(20_000, 32_000)
        with ExitStack() as stack, suppress(OSError):
            for each in range(port, port + 3):
                stack.enter_context(socket.socket()).bind((host, each))
            return parse_address(f"tcp://{host}:{port}")
