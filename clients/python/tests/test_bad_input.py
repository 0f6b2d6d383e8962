"""What goes wrong on the way, and in the source."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect, Service, start
from cutting_proxy import CuttingProxy

from artifacta_client import Progress, RetryPolicy, errors

BIG = os.urandom(3 * 1024 * 1024)
QUICK = RetryPolicy(attempts=3, first_delay=0.001)


class TestTheWay:
    def test_no_service(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with pytest.raises(errors.Unavailable, match="nothing listens there") as caught:
            connect(f"grpc://127.0.0.1:{port}", retry=QUICK).server_info()
        assert caught.value.retryable
        assert isinstance(caught.value, ConnectionError)
        with pytest.raises(errors.Unavailable, match="the socket does not exist"):
            connect("unix:/nonexistent/sock", retry=QUICK).server_info()

    def test_a_service_that_is_silent(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"grpc://127.0.0.1:{silent.getsockname()[1]}"
            store = connect(url, timeout=0.3, retry=QUICK)
            with pytest.raises(errors.DeadlineExceeded, match="did not answer in time"):
                store.server_info()
            with pytest.raises(errors.DeadlineExceeded):
                store.open("s/n")
            with pytest.raises(TimeoutError):
                connect(url).session("s").push(b"x" * 1_000_000, "n", timeout=0.3)

    def test_something_else_answers(self, connect: Connect, service: Service) -> None:
        for url in (f"grpc://{service.http}", f"grpcs://{service.http}", f"grpcs://{service.address}"):
            with pytest.raises(errors.ForeignService, match="is not an Artifacta service"):
                connect(url, retry=QUICK).server_info()

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("http://here:8080", "must name the gRPC listener"),
            ("here:50051", "must begin with grpc:"),
            ("grpc://", "must name a host"),
            ("grpc://here:port", "must be a URL"),
            ("grpc://here/path", "must have only a scheme"),
            ("unix:", "must name the path of a socket"),
        ],
    )
    def test_urls_that_are_none(self, connect: Connect, url: str, words: str) -> None:
        with pytest.raises(errors.InvalidArgument, match=words) as caught:
            connect(url)
        assert caught.value.field == "url"

    def test_a_secret_in_a_url_or_a_token_is_not_shown(self, connect: Connect, service: Service) -> None:
        with pytest.raises(errors.InvalidArgument) as caught:
            connect("grpc://user:secret@here")
        assert "secret" not in str(caught.value)
        for token in ("sec ret", "secret\n\x00", "sécret"):
            with pytest.raises(errors.InvalidArgument, match="token: must be one token") as caught:
                connect(service.url, token=token)
            assert token not in str(caught.value)
            with pytest.raises(errors.InvalidArgument, match="token"):
                connect(service.url, token=lambda token=token: token).server_info()

    def test_tls_where_it_is_and_where_it_is_not(
        self, connect: Connect, short_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cert, key = make_certificate(short_path)
        service = start(short_path / "data", "--tls-cert", str(cert), "--tls-key", str(key))
        port = service.address.rpartition(":")[2]
        try:
            with pytest.raises(errors.Unavailable, match="if the service uses TLS, begin the URL with grpcs:"):
                connect(service.url, retry=QUICK).server_info()
            with pytest.raises(errors.UntrustedService):
                connect(f"grpcs://localhost:{port}", retry=QUICK).server_info()
            monkeypatch.setenv("ARTIFACTA_TLS_CA", str(cert))
            assert connect(f"grpcs://localhost:{port}").session("s").push(BIG, "n").pushed is not None
        finally:
            service.stop()

    def test_a_proxy_that_cuts_uploads(self, connect: Connect, service: Service) -> None:
        with CuttingProxy(service.address, up=[100_000, 1_000_000]) as proxy:
            store = connect(proxy.url, retry=RetryPolicy(attempts=4, first_delay=0.05))
            session = store.session()
            assert session.push(BIG, "n").version == 1
            assert proxy.connections >= 3
            assert [one.version for one in session.query(name="n", all_versions=True)] == [1]

    def test_a_proxy_that_cuts_what_cannot_be_read_again(self, connect: Connect, service: Service) -> None:
        with CuttingProxy(service.address, up=[7_000_000]) as proxy:
            session = connect(proxy.url, retry=RetryPolicy(first_delay=0.05)).session()
            with pytest.raises(errors.Unavailable, match="cannot be read again, so the push was not repeated"):
                session.push(iter([BIG] * 4), "n")
            with pytest.raises(errors.NotFound):
                session.get("n")

    def test_a_proxy_that_cuts_downloads_and_watches(self, connect: Connect, service: Service, tmp_path: Path) -> None:
        session = connect(service.url).session()
        session.push(BIG, "n")
        with CuttingProxy(service.address, down=[500_000, 900_000]) as proxy:
            store = connect(proxy.url, retry=RetryPolicy(first_delay=0.05))
            assert Path(store.session(session.id).pull("n", tmp_path / "n")).read_bytes() == BIG
            assert proxy.connections == 3
        for number in range(5):
            session.push(str(number), f"n{number}", metadata={"k": "v" * 900})
        with CuttingProxy(service.address, down=[3_000, 4_000]) as proxy:
            watched = connect(proxy.url, retry=RetryPolicy(first_delay=0.05)).session(session.id).watch()
            names = [next(watched).artifact.name for _ in range(6)]
            session.seal()
            assert names == ["n", "n0", "n1", "n2", "n3", "n4"]
            assert [event.kind for event in watched] == ["sealed"]
            assert proxy.connections >= 2


class TestRights:
    def test_a_token_that_ends_in_the_middle(self, connect: Connect, short_path: Path) -> None:
        service = start(short_path / "data", "--auth")
        try:
            key = json.loads(service.run("keys", "create", "--json"))
            store = connect(service.url, token=key["secret"])
            session = store.session("s")
            session.push("1", "a")
            events = session.watch()
            assert next(events).kind == "committed"
            for half in (key["secret"][: len(key["secret"]) // 2], None):
                with pytest.raises(errors.Unauthenticated):
                    connect(service.url, token=half).session("s").get("a")

            def content() -> Iterator[bytes]:
                yield BIG
                service.run("keys", "revoke", key["id"])
                yield BIG

            with pytest.raises(errors.Unauthenticated):
                session.push(content(), "b")
            with pytest.raises(errors.Unauthenticated):
                list(events)
            with pytest.raises(errors.Unauthenticated):
                store.server_info()
        finally:
            service.stop()

    def test_a_function_gives_the_token_of_each_call(self, connect: Connect, short_path: Path) -> None:
        service = start(short_path / "data", "--auth")
        try:
            secrets = [json.loads(service.run("keys", "create", "--json"))["secret"], "not-a-token"]
            store = connect(service.url, token=lambda: secrets[0])
            assert store.caller().subject.startswith("key_")
            secrets.reverse()
            with pytest.raises(errors.Unauthenticated):
                store.server_info()
            secrets.reverse()
            store.server_info()
        finally:
            service.stop()


class TestSources:
    @pytest.mark.parametrize("size", [1_000, 2_000_000, 9_000_000])
    def test_a_file_that_changes_while_it_is_pushed(self, session: Any, tmp_path: Path, size: int) -> None:
        path = tmp_path / "a.bin"
        path.write_bytes(os.urandom(size))

        def change(_progress: Progress) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        if size > 256 * 1024:
            with pytest.raises(errors.ContentChanged, match=r"a\.bin changed while it was pushed") as caught:
                session.push(path, progress=change)
            assert caught.value.field == "content"
            with pytest.raises(errors.NotFound):
                session.get("a.bin")
        assert session.push(path).size_bytes == path.stat().st_size

    @pytest.mark.parametrize("change", ["shrink", "replace", "touch"])
    def test_every_way_of_changing(self, session: Any, tmp_path: Path, change: str) -> None:
        path = tmp_path / "a.bin"
        path.write_bytes(BIG)

        def act(progress: Progress) -> None:
            if change == "shrink":
                os.truncate(path, 1_500_000)
            elif change == "replace" and progress.bytes == len(BIG):
                path.unlink()
                path.write_bytes(BIG)
            elif change == "touch":
                os.utime(path, ns=(0, 0))

        if change == "replace":
            assert session.push(path, progress=act).size_bytes == len(BIG)
        else:
            with pytest.raises(errors.ContentChanged):
                session.push(path, progress=act)

    @pytest.mark.parametrize("given", [0, 100, 1_000_000, 6_000_000])
    def test_a_generator_that_raises(self, session: Any, given: int) -> None:
        closed = []

        def content() -> Iterator[bytes]:
            try:
                for at in range(0, given, 100_000):
                    yield BIG[at % 1_000_000 :][:100_000]
                raise LookupError("mine")
            finally:
                closed.append(True)

        session.push("x", "first")
        with pytest.raises(LookupError, match="mine"):
            session.push(content(), "n")
        assert closed == [True]
        assert [one.name for one in session.query()] == ["first"]

    def test_a_generator_is_ended_if_the_service_refuses(self, session: Any) -> None:
        closed = []

        def content() -> Iterator[bytes]:
            try:
                while True:
                    yield BIG
            finally:
                closed.append(True)

        session.begin().seal()
        with pytest.raises(errors.SessionSealed):
            session.push(content(), "n")
        assert closed == [True]

    def test_an_iterator_that_gives_something_else_in_the_middle(self, session: Any) -> None:
        for wrong in (None, "text", 1):
            with pytest.raises(errors.InvalidArgument, match="must give only bytes") as caught:
                session.push(iter([BIG, wrong, BIG]), "n")
            assert caught.value.field == "content"
        with pytest.raises(errors.NotFound):
            session.get("n")

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"name": "../a"}, "spec.name"),
            ({"name": "a\ud800"}, "name"),
            ({"name": b"a"}, "name"),
            ({"metadata": {"a b": "c"}}, "spec.metadata"),
            ({"metadata": {"key": 1}}, "metadata.key"),
            ({"metadata": {"key": "x" * 2_000}}, "spec.metadata"),
            ({"metadata": ["a"]}, "metadata"),
            ({"labels": {"key": None}}, "labels.key"),
            ({"media_type": "text"}, "spec.content_type"),
            ({"parents": ["art_x"]}, "spec.inputs"),
            ({"parents": "art_" + "0" * 26}, "parents"),
            ({"ttl": -1}, "spec.ttl"),
            ({"ttl": "1h"}, "ttl"),
            ({"ttl": 1e30}, "ttl"),
            ({"request_id": "a b"}, "spec.request_id"),
            ({"new_version": True, "request_id": ""}, ""),
        ],
    )
    def test_what_is_said_wrongly_of_a_content(self, session: Any, more: dict[str, Any], field: str) -> None:
        if field == "":
            session.push("x", "a", new_version=True)
            return
        with pytest.raises(errors.InvalidArgument) as caught:
            session.push("x", **{"name": "a", **more})
        assert (caught.value.field or "").startswith(field)

    @pytest.mark.parametrize(
        ("id", "more", "field"),
        [
            ("a/b", {}, "session"),
            ("", {}, "session"),
            ("a", {"metadata": {"": "x"}}, "metadata"),
            ("a", {"lease": 1}, "lease"),
            ("a", {"lease": "1h"}, "lease"),
            ("a", {"expected_outputs": "one.txt"}, "expected_outputs"),
            ("a", {"expected_outputs": ["/a"]}, "expected_outputs"),
        ],
    )
    def test_what_is_said_wrongly_of_a_session(self, store: Any, id: str, more: dict[str, Any], field: str) -> None:
        with pytest.raises(errors.InvalidArgument) as caught:
            store.session(id, **more).begin()
        assert (caught.value.field or "").startswith(field)

    def test_filters_that_cannot_be_read_say_where(self, store: Any) -> None:
        with pytest.raises(errors.InvalidArgument) as caught:
            list(store.query("metadata.kind = "))
        assert (caught.value.field, caught.value.metadata["column"]) == ("filter", "17")


def make_certificate(directory: Path) -> tuple[Path, Path]:
    cert, key = directory / "cert.pem", directory / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    try:
        subprocess.run([*command, "-addext", names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl, which makes certificates, is not installed")
    return cert, key
