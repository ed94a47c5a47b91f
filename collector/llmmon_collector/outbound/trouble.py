"""Why nobody was reached, in words that tell no secret."""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp

from llmmon_collector.scrub import one_line


def os_reason(error: OSError) -> str:
    """Such as ``Connection refused``; asyncio's errors say something else, with the address."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return one_line(error.strerror or str(error)) or type(error).__name__
    return os.strerror(error.errno)


def connection_trouble(error: aiohttp.ClientError) -> str:
    """What went wrong, without the URL: it may hold a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"TLS: {_certificate_trouble(error.certificate_error)}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS: {os_reason(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return f"no connection: {os_reason(error.os_error)}"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
    return f"no answer: {type(error).__name__}"


def _certificate_trouble(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return one_line(error.verify_message)
    return "the certificate is not for this host"
