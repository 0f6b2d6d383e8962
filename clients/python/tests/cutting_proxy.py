"""A TCP proxy that cuts connections after a number of bytes, as some proxies do in the middle of streams."""

from __future__ import annotations

import contextlib
import socket
import threading


class CuttingProxy:
    """Forwards to an address. `cuts`: for each connection in turn, the bytes after which it is cut; then none is."""

    def __init__(self, address: str, *, up: list[int] | None = None, down: list[int] | None = None) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._up, self._down = list(up or []), list(down or [])
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(self, *_error: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self.connections += 1
            self._open += [client, server]
            for source, target, limits in ((client, server, self._up), (server, client, self._down)):
                limit = limits.pop(0) if limits else None
                thread = threading.Thread(target=forward, args=(source, target, limit), daemon=True)
                self._threads.append(thread)
                thread.start()


def forward(source: socket.socket, target: socket.socket, limit: int | None) -> None:
    """Forwards until an end comes; after `limit` bytes it cuts both connections."""
    sent = 0
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            if limit is not None and sent + len(data) > limit:
                break
            target.sendall(data)
            sent += len(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
