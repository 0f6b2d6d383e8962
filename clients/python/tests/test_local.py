"""Without a server configured: the service of the data directory, or one that is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COMMAND, Connect, clean_environment

import artifacta_client
from artifacta_client import _local, errors
from artifacta_client._settings import Settings, read_settings

SOURCES = str(Path(__file__).resolve().parents[1] / "src")


@pytest.fixture
def data_dir(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory that is the one of the environment, and the command on the PATH."""
    monkeypatch.setenv("ARTIFACTA_DATA_DIR", str(short_path / "data"))
    monkeypatch.setenv("PATH", f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}")
    return short_path / "data"


def program(code: str, data_dir: Path) -> subprocess.Popen[str]:
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    environment = clean_environment(PYTHONPATH=SOURCES, ARTIFACTA_DATA_DIR=str(data_dir), PATH=path)
    command = [sys.executable, "-c", f"import sys\nfrom artifacta_client import connect\n{code}"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def test_starts_a_service_that_ends_with_the_store(connect: Connect, data_dir: Path) -> None:
    store = connect()
    with store as opened:
        assert opened.session("s").push("x", "a").version == 1
        child = _local.local_service(read_settings(None, None, None, None).place)._child  # type: ignore[arg-type]
        assert child is not None
    assert child.wait(60) == 0
    assert connect(data_dir=data_dir).session("s").push("y", "a").version == 2


def test_stores_of_one_program_share_it(data_dir: Path) -> None:
    with artifacta_client.connect() as one:
        one.session("s").push("x", "a")
        with artifacta_client.connect(data_dir=data_dir) as other:
            other.session("s").push("y", "a")
        assert one.session("s").get("a").version == 2


def test_two_programs_that_start_at_once_share_it(data_dir: Path) -> None:
    code = (
        "with connect() as store:\n"
        "    print(store.session('s').push(sys.argv[0] + sys.stdin.readline(), 'a', new_version=True,"
        " request_id=str(id(store)) + str(__import__('os').getpid())).version, flush=True)\n"
        "    sys.stdin.readline()\n"
        "    print(len(list(store.query(session='s', all_versions=True))), flush=True)\n"
    )
    programs = [program(code, data_dir) for _ in range(3)]
    try:
        versions = []
        for one in programs:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in programs:
            assert one.stdout is not None
            versions.append(int(one.stdout.readline()))
        assert sorted(versions) == [1, 2, 3]
        # Each that ends may have been the one that served: the next one starts another.
        for one in programs:
            assert one.communicate("end\n", timeout=120)[0] == "3\n"
            assert one.returncode == 0
    finally:
        for one in programs:
            one.kill()
            one.wait()


def test_uses_a_service_that_runs(connect: Connect, data_dir: Path) -> None:
    command = [COMMAND, "serve", "--while-stdin", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment()) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert any(b'"ready"' in line for line in running.stdout)
        with connect() as store:
            store.session("s").push("x", "a")
            place = read_settings(None, None, None, None).place
            assert place is not None
            assert _local.local_service(place)._child is None
            # It ends while it is used: the store starts one of its own.
            running.stdin.close()
            running.wait(60)
            assert store.session("s").push("y", "a").version == 2
            assert _local.local_service(place)._child is not None


def test_says_what_to_install(
    connect: Connect, short_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.NoService, match=r"install the command `artifacta`, with pip .* or npm .*ARTIFACTA_URL"):
        connect(data_dir=short_path / "data").server_info()
    (tmp_path / "artifacta").write_text("#!/bin/sh\necho 'it is broken' >&2\nexit 3\n")
    (tmp_path / "artifacta").chmod(0o755)
    with pytest.raises(errors.NoService, match="exited with code 3 before it was ready: it is broken"):
        connect(data_dir=short_path / "data").server_info()


class TestSettings:
    def settings(self, env: dict[str, str], home: Path, **given: str | None) -> Settings:
        values = {"url": None, "token": None, "namespace": None, "data_dir": None, **given}
        return read_settings(**values, env={"HOME": str(home), **env})  # type: ignore[arg-type]

    def keep(self, home: Path, text: str) -> None:
        (home / ".config" / "artifacta").mkdir(parents=True)
        (home / ".config" / "artifacta" / "config.json").write_text(text)

    def place(self, env: dict[str, str], home: Path, **given: str | None) -> str | None:
        place = self.settings(env, home, **given).place
        return None if place is None else place.data_dir

    def test_arguments_then_the_environment_then_what_is_kept(self, tmp_path: Path) -> None:
        home = tmp_path / "h"
        assert self.place({}, home) == f"{home}/.local/share/artifacta"
        assert self.place({"XDG_DATA_HOME": "/d"}, home) == "/d/artifacta"
        assert self.place({"ARTIFACTA_DATA_DIR": "~/x"}, home) == f"{home}/x"
        assert self.settings({"ARTIFACTA_URL": "grpc://e"}, home).url == "grpc://e"
        assert self.settings({"ARTIFACTA_URL": "grpc://e"}, home, url="grpc://a").url == "grpc://a"
        assert self.place({"ARTIFACTA_URL": "grpc://e"}, home, data_dir="/d") == "/d"
        self.keep(home, '{"url": "grpc://kept", "namespace": "team"}')
        kept = self.settings({}, home)
        assert (kept.url, kept.namespace) == ("grpc://kept", "team")
        assert self.settings({"ARTIFACTA_URL": "grpc://e"}, home).url == "grpc://e"
        assert self.place({"ARTIFACTA_DATA_DIR": "/d"}, home) == "/d"
        with pytest.raises(errors.InvalidArgument, match="url: cannot be given together with data_dir"):
            self.settings({}, home, url="grpc://a", data_dir="/d")

    def test_kept_settings_that_cannot_be_used(self, tmp_path: Path) -> None:
        self.keep(tmp_path, '{"uri": "x"}')
        with pytest.raises(errors.InvalidArgument, match=r"config\.json: must be one JSON object with texts for url"):
            self.settings({}, tmp_path)

    def test_the_socket_of_a_long_path_is_elsewhere(self, tmp_path: Path) -> None:
        long = f"/tmp/{'x' * 120}"
        place = self.settings({"XDG_RUNTIME_DIR": "/run/me"}, tmp_path, data_dir=long).place
        assert place is not None
        assert place.socket.startswith("/run/me/artifacta/")
        place = self.settings({"ARTIFACTA_SOCKET": "/s"}, tmp_path, data_dir=long).place
        assert place is not None
        assert place.socket == "/s"

    def test_token_files(self, tmp_path: Path) -> None:
        path = tmp_path / "token"
        path.write_text(" secret\n")
        path.chmod(0o600)
        assert self.settings({"ARTIFACTA_TOKEN_FILE": str(path)}, tmp_path).token == "secret"
        with pytest.raises(errors.InvalidArgument, match="cannot be given together"):
            self.settings({"ARTIFACTA_TOKEN_FILE": str(path), "ARTIFACTA_TOKEN": "x"}, tmp_path)
        path.chmod(0o622)
        with pytest.raises(errors.InvalidArgument, match="chmod 600"):
            self.settings({"ARTIFACTA_TOKEN_FILE": str(path)}, tmp_path)
        with pytest.raises(errors.InvalidArgument, match="cannot be read"):
            self.settings({"ARTIFACTA_TOKEN_FILE": str(tmp_path / "none")}, tmp_path)
