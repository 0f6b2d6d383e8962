"""The service of a data directory: the one that runs, or one that this process starts for as long as it needs it.

`artifacta serve --while-stdin` ends with its standard input. If two programs start one at once, one of the two serves
and the other uses it, and takes its place when it ends: this is the service's own rule.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections import deque
from importlib.util import find_spec
from os.path import dirname
from typing import IO

from ._core.errors import NoService
from ._settings import Place

_INSTALL = (
    "install the command `artifacta`, with pip (artifacta-cli) or npm (artifacta), or name a service: "
    "connect('grpc://HOST:50051'), or ARTIFACTA_URL"
)
_KEPT_LINES = 20


def command() -> list[str]:
    """Returns the command that starts Artifacta. Raises NoService that says what to install.

    It is that of the package for pip, else that on the PATH, else that of the npm project around the working directory.
    Nothing is fetched from a registry.
    """
    if find_spec("artifacta_cli") is not None:
        return [sys.executable, "-m", "artifacta_cli"]
    if (found := shutil.which("artifacta")) is not None:
        return [found]
    directory = os.getcwd()
    while True:
        installed = os.path.join(directory, "node_modules", ".bin", "artifacta")
        if os.access(installed, os.X_OK):
            return [installed]
        if dirname(directory) == directory:
            break
        directory = dirname(directory)
    raise NoService(f"no service runs for the data directory, and none can be started: {_INSTALL}")


def answers(place: Place) -> bool:
    """Returns true if a process of this user accepts connections on the socket."""
    try:
        # A name in /tmp can be guessed: a socket of another user is not used.
        directory = os.lstat(dirname(place.socket))
        around = os.stat(dirname(dirname(place.socket)))
        if directory.st_uid != os.getuid() and around.st_mode & stat.S_IWOTH:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            probe.connect(place.socket)
    except OSError:
        return False
    return True


class LocalService:
    """The service of one data directory, for all stores of this process that use it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._users = 0
        self._pid = os.getpid()
        self._child: subprocess.Popen[bytes] | None = None

    def acquire(self) -> None:
        """Counts a user, and makes sure that a service answers."""
        self.ensure()
        with self._lock:
            self._users += 1

    def release(self) -> None:
        """Counts a user less. After the last one, a service that was started here ends unless others use it."""
        with self._lock:
            self._users -= 1
            if self._users <= 0 and self._pid == os.getpid():
                self._end()

    def ensure(self) -> None:
        """Starts a service if none answers. Raises NoService."""
        with self._lock:
            if self._pid != os.getpid():
                # The service of the parent process lives as long as that one.
                self._child, self._pid = None, os.getpid()
            if answers(self._place):
                return
            self._end()
            self._child = _start(self._place)

    def _end(self) -> None:
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None


_services: dict[Place, LocalService] = {}
_services_lock = threading.Lock()


def local_service(place: Place) -> LocalService:
    """Returns the service of a place, which all stores of this process share."""
    with _services_lock:
        return _services.setdefault(place, LocalService(place))


def _start(place: Place) -> subprocess.Popen[bytes]:
    arguments = [
        "serve",
        "--while-stdin",
        "--data-dir",
        place.data_dir,
        "--socket",
        place.socket,
        "--log-format",
        "json",
    ]
    starter = command()
    try:
        # In a session of its own: an interrupt from the keyboard must not end it before the program has sealed.
        child = subprocess.Popen(
            [*starter, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key not in _NOT_FOR_SERVICE},
        )
    except OSError as error:
        raise NoService(f"cannot start {starter[0]}: {error.strerror}; {_INSTALL}") from error
    output = child.stdout
    assert output is not None
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        for line in output:
            if _is_ready(line, said):
                threading.Thread(target=_drain, args=(child, output), name="artifacta-serve", daemon=True).start()
                return child
    except BaseException:
        _stop(child)
        raise
    code = _stop(child)
    why = " ".join(said) or f'it printed nothing; run "artifacta serve --data-dir {place.data_dir}" to see why'
    raise NoService(f"the service for {place.data_dir} exited with code {code} before it was ready: {why}")


# These name listeners or other places, and a service of this kind has none of its own.
_NOT_FOR_SERVICE = frozenset(
    ("ARTIFACTA_GRPC_LISTEN", "ARTIFACTA_HTTP_LISTEN", "ARTIFACTA_ADMIN_LISTEN", "ARTIFACTA_LOG_LEVEL")
)


def _is_ready(line: bytes, said: deque[str]) -> bool:
    text = line.decode("utf-8", "replace").strip()
    try:
        told = json.loads(text)
    except ValueError:
        said.append(text)
        return False
    message = str(told.get("msg", "")) if isinstance(told, dict) else text
    said.append(message)
    return message in ("ready", "in recovery")


def _drain(child: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    """Reads what the service goes on to say, since it would stop at a full pipe; and notes its end."""
    with output:
        for _line in output:
            pass
    child.wait()


def _stop(child: subprocess.Popen[bytes]) -> int:
    if child.stdin is not None:
        child.stdin.close()
    child.terminate()
    if child.stdout is not None:
        child.stdout.close()
    return child.wait()
