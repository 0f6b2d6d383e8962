"""A real service for the tests, and the store of each face: blocking, and asyncio made blocking."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

import artifacta_client
import blocking

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "bin" / "artifacta"
FACES = ("blocking", "asyncio")


@dataclass
class Service:
    """A service that runs, and the way to it."""

    process: subprocess.Popen[str]
    data_dir: Path
    address: str
    http: str | None
    reader: threading.Thread

    @property
    def url(self) -> str:
        return f"grpc://{self.address}"

    def run(self, *arguments: str) -> str:
        """Runs a command of Artifacta against its socket."""
        command = [COMMAND, *arguments, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=clean_environment()).stdout

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.reader.join(60)


def clean_environment(**more: str) -> dict[str, str]:
    """Returns the environment without any setting of Artifacta."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ARTIFACTA_", "XDG_CONFIG"))}
    return {**kept, **more}


def start(data_dir: Path, *arguments: str) -> Service:
    """Starts a service on free ports, and returns it when it is ready."""
    command = [COMMAND, "serve", "--data-dir", str(data_dir), "--grpc-listen", "127.0.0.1:0", "--admin-listen", "none"]
    if "--http-listen" not in arguments:
        command += ["--http-listen", "none"]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, env=clean_environment(), start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        if told.get("msg") == "ready":
            reader = threading.Thread(target=drain, args=(process.stdout,), daemon=True)
            reader.start()
            return Service(process, data_dir, told["grpc"], told["http"], reader)
    raise AssertionError(f"the service ended with {process.wait()}")


def drain(output: IO[str]) -> None:
    with output:
        for _line in output:
            pass


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ARTIFACTA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="py-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    path = Path(tempfile.mkdtemp(prefix="py-"))
    running = start(path / "data", "--http-listen", "127.0.0.1:0")
    yield running
    running.stop()
    shutil.rmtree(path, ignore_errors=True)


Connect = Callable[..., Any]


@pytest.fixture(params=FACES)
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes stores of one face, and closes them."""
    loop = asyncio.new_event_loop()
    stores: list[Any] = []

    def make(*args: Any, **kwargs: Any) -> Any:
        is_blocking = request.param == "blocking"
        store = artifacta_client.connect(*args, **kwargs) if is_blocking else blocking.connect(loop, *args, **kwargs)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()
    loop.close()


@pytest.fixture
def store(connect: Connect, service: Service) -> Any:
    return connect(service.url)


@pytest.fixture
def session(store: Any) -> Any:
    """A handle on a session of its own for each test."""
    return store.session()


@pytest.fixture
def fs(service: Service) -> Any:
    """The file system of fsspec."""
    return pytest.importorskip("fsspec").filesystem("artifacta", service_url=service.url)


@pytest.fixture
def run(fs: Any) -> str:
    """The id of a session of its own for each test of a file system."""
    return str(fs.store.session().id)
