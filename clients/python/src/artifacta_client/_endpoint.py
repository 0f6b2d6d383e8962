"""From a URL to what gRPC needs to make a channel, and the headers of each call."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import abspath, expanduser
from typing import Any

from ._core.errors import InvalidArgument, invalid
from ._settings import Settings, Tls, Token, checked_token
from ._version import __version__

_PORT = 50051
_RECEIVED_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Endpoint:
    """Where a service is."""

    target: str
    """As gRPC names it."""
    is_secure: bool
    place: str
    """For messages."""
    is_local: bool
    """True: no proxy of the environment leads there."""


def endpoint_of(url: str) -> Endpoint:
    """Returns where a URL leads. Raises InvalidArgument that says what it must be; it shows no password."""
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not path.strip("/"):
            raise _bad(url, "must name the path of a socket, as unix:/PATH")
        return Endpoint(f"unix:{abspath(expanduser(path))}", False, url, True)
    from urllib.parse import urlsplit  # Not before it is needed: it takes its time.

    try:
        parsed = urlsplit(url)
        host, port = parsed.hostname, parsed.port
    except ValueError:
        raise _bad(url, "must be a URL, as grpc://HOST:PORT") from None
    if parsed.scheme in ("http", "https"):
        raise _bad(
            url,
            "must name the gRPC listener, as grpc://HOST:50051 or grpcs://HOST:50051: this client does not "
            "speak to the HTTP listener",
        )
    if parsed.scheme not in ("grpc", "grpcs"):
        raise _bad(url, "must begin with grpc:, grpcs: or unix:")
    if not host:
        raise _bad(url, "must name a host")
    if parsed.username is not None or parsed.query or parsed.fragment or parsed.path not in ("", "/"):
        raise _bad(url, "must have only a scheme, a host and a port; a token is given as ARTIFACTA_TOKEN")
    name = f"[{host}]" if ":" in host else host
    address = f"{name}:{port or _PORT}"
    is_local = host == "localhost" or host == "::1" or host.startswith("127.")
    return Endpoint(f"dns:///{address}", parsed.scheme == "grpcs", f"{parsed.scheme}://{address}", is_local)


def _bad(url: str, what: str) -> InvalidArgument:
    shown = "" if "@" in url else f" {url!r}"
    error = invalid("url", what)
    return InvalidArgument(f"the URL{shown} {what}", violations=error.violations)


def channel_options(endpoint: Endpoint) -> list[tuple[str, Any]]:
    """Returns the options of the channel."""
    options: list[tuple[str, Any]] = [
        ("grpc.primary_user_agent", f"artifacta-client-python/{__version__}"),
        ("grpc.max_receive_message_length", _RECEIVED_BYTES_MAX),
        # Uploads are repeated by their request id, which the channel does not know of.
        ("grpc.enable_retries", 0),
        # A client that connects again must not wait as long as gRPC does by default.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if endpoint.is_local:
        options.append(("grpc.enable_http_proxy", 0))
    return options


def tls_files(tls: Tls) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Returns the authorities, the key and the certificate, as `grpc.ssl_channel_credentials` takes them."""
    if (tls.cert is None) != (tls.key is None):
        raise invalid("tls", "certificate and key must be given together")
    ca, key, cert = (None if path is None else _read(path) for path in (tls.ca, tls.key, tls.cert))
    return ca, key, cert


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise invalid("tls", f"{path} cannot be read: {error.strerror}") from None


def headers(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Returns the headers of a call: whose it is, and the namespace in which it acts."""
    token: Token | None = settings.token
    found: list[tuple[str, str]] = []
    if token is not None:
        text = checked_token("token", token()) if callable(token) else token
        found.append(("authorization", f"Bearer {text}"))
    if settings.namespace is not None:
        found.append(("artifacta-namespace", settings.namespace))
    return tuple(found)
