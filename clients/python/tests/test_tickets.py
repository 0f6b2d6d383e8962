"""Tickets: how they are made, and what the service does for a program that has only their URL."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import Connect, Service, start
from scripted import CONTEXT, Scripted

from artifacta_client import Ref, Ticket, errors
from artifacta_client._core import tickets
from artifacta_client._core.methods import info, server_info
from artifacta_client._core.methods import tickets as service_of
from artifacta_client._pb.artifacta.v1 import ticket_pb2


class Answer:
    """What the service answers to a request that has a URL, and no credentials."""

    def __init__(self, url: str, data: bytes | None = None, method: str | None = None, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, data, names, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                self.status, self.headers, self.body = response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                self.status, self.headers, self.body = error.code, error.headers, error.read()

    @property
    def artifact(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["artifact"]
        return found

    @property
    def reason(self) -> str:
        return str(json.loads(self.body)["details"][0]["debug"]["reason"])


def put(url: str, data: bytes) -> Answer:
    # Without this header urllib says that the bytes are a form, which the service refuses.
    return Answer(url, data, "PUT", content_type="application/octet-stream")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Service]:
    """A service that requires credentials, and knows its public URL."""
    path = Path(tempfile.mkdtemp(prefix="py-"))
    arguments = ("--auth", "--http-listen", "127.0.0.1:0", "--public-url", "https://store.example")
    running = start(path / "data", *arguments)
    yield running
    running.stop()
    shutil.rmtree(path, ignore_errors=True)


class TestKinds:
    def test_read_gives_one_version(self, store: Any, session: Any, service: Service) -> None:
        made = session.push("one\n", "a.txt")
        found = [
            session.ticket("read", "a.txt"),
            session.ticket("read", made),
            store.ticket("read", f"{session.id}/a.txt"),
            store.ticket("read", made.id),
            store.ticket("read", made),
            store.ticket("read", Ref(session.id, "a.txt", 1)),
        ]
        session.push("another\n", "a.txt")
        for ticket in found:
            assert (ticket.kind, ticket.size, ticket.digest) == ("read", 4, f"sha-256:{made.sha256}")
            assert ticket.local_uri == f"http://{service.http}{ticket.path}"
            assert ticket.uri is None
            answer = Answer(ticket.local_uri)
            assert (answer.status, answer.body) == (200, b"one\n")
        assert Answer(found[0].local_uri, range="bytes=1-2").body == b"ne"
        assert len({ticket.id for ticket in found}) == len(found)

    def test_preview_is_shown_and_read_is_saved(self, session: Any) -> None:
        session.push("<p>page", "page.html")
        shown = Answer(session.ticket("preview", "page.html").local_uri)
        saved = Answer(session.ticket("read", "page.html").local_uri)
        assert shown.body == saved.body == b"<p>page"
        assert shown.headers["content-disposition"].startswith("inline")
        assert saved.headers["content-disposition"].startswith("attachment")

    def test_archive_gives_the_session_as_a_zip_file(self, store: Any, session: Any) -> None:
        session.push("1", "a.txt")
        session.push("2", "dir/b.txt")
        for ticket in (session.ticket("archive"), store.ticket("archive", session=session.id)):
            assert (ticket.kind, ticket.size, ticket.digest) == ("archive", None, None)
            with zipfile.ZipFile(io.BytesIO(Answer(ticket.local_uri).body)) as archive:
                assert archive.testzip() is None
                assert {name: archive.read(name) for name in archive.namelist()} == {"a.txt": b"1", "dir/b.txt": b"2"}

    def test_push_stores_what_its_maker_said(self, store: Any, session: Any) -> None:
        source = session.push("source", "source.txt")
        instant = datetime(2100, 1, 1, tzinfo=timezone.utc)
        ticket = store.ticket(
            "push",
            session=session.id,
            name="data.csv",
            max_bytes=5,
            metadata={"agent": "billing"},
            labels={"reviewed": "no"},
            media_type="text/x-special",
            parents=[source],
            artifact_ttl=instant,
        )
        assert (ticket.kind, ticket.size, ticket.digest) == ("push", 5, None)
        # The media type of its maker counts, and not that of urllib.
        answer = Answer(ticket.local_uri, b"a,b\n1", "PUT")
        assert answer.status == 201
        made = session.get("data.csv")
        assert made.id == answer.artifact["id"]
        assert (made.metadata, made.labels) == ({"agent": "billing"}, {"reviewed": "no"})
        assert (made.media_type, made.parents, made.expire_time) == ("text/x-special", (source.id,), instant)

    def test_push_takes_the_same_bytes_again_and_no_others(self, session: Any) -> None:
        url = session.ticket("push", name="a", max_bytes=5).local_uri
        first = put(url, b"12345")
        assert put(url, b"12345").artifact["id"] == first.artifact["id"]
        assert put(url, b"54321").reason == "REQUEST_ID_REUSED"
        assert put(session.ticket("push", name="b", max_bytes=5).local_uri, b"123456").reason == "ARTIFACT_TOO_LARGE"
        assert [one.name for one in session.query()] == ["a"]
        assert session.ticket("push", name="b").size is None

    def test_push_can_make_a_version_of_equal_bytes(self, session: Any) -> None:
        session.push("x", "a")
        assert put(session.ticket("push", name="a").local_uri, b"x").artifact["version"] == "1"
        made = put(session.ticket("push", name="a", new_version=True, artifact_ttl=timedelta(days=1)).local_uri, b"x")
        assert made.artifact["version"] == "2"
        assert made.artifact["expireTime"]

    def test_push_opens_the_session_of_its_handle_with_the_settings(self, store: Any) -> None:
        session = store.session(metadata={"agent": "a"})
        ticket = session.ticket("push", name="x.txt")
        assert session.state == "OPEN"
        assert put(ticket.local_uri, b"x").artifact["metadata"] == {"agent": "a"}
        assert store.session(session.id, metadata={"agent": "a"}).begin().state == "OPEN"
        plain = store.session()
        plain.ticket("push", name="x.txt")
        with pytest.raises(errors.SessionNotFound):
            plain.refresh()


class TestRights:
    def test_a_ticket_has_those_of_its_maker(self, connect: Connect, guarded: Service) -> None:
        def key(scope: str) -> Any:
            return json.loads(guarded.run("keys", "create", "--scope", scope, "--json"))

        both, writing = key("read,write"), key("write")
        store = connect(guarded.url, token=both["secret"])
        session = store.session()
        session.push("secret", "a")
        ticket = session.ticket("read", "a", require_uri=True)
        assert ticket.uri == f"https://store.example{ticket.path}"
        assert Answer(ticket.local_uri).body == b"secret"
        assert Answer(f"http://{guarded.http}/v1/artifacts/{session.get('a').id}/content").status == 401
        other = connect(guarded.url, token=writing["secret"])
        with pytest.raises(errors.PermissionDenied):
            other.ticket("read", f"{session.id}/a")
        pushing = other.ticket("push", session=session.id, name="b")
        guarded.run("keys", "revoke", both["id"])
        assert Answer(ticket.local_uri).status == 401
        assert put(pushing.local_uri, b"1").status == 201

    def test_the_caller_is_told_its_own(self, connect: Connect, guarded: Service) -> None:
        key = json.loads(guarded.run("keys", "create", "--scope", "read,write", "--json"))
        caller = connect(guarded.url, token=key["secret"]).caller()
        assert (caller.subject, caller.namespace, caller.scopes) == (key["id"], "default", ("read", "write"))
        assert (caller.operator, caller.expire_time, caller.max_push_bytes) == (False, None, None)
        limits = ["--session", "s", "--session-prefix", "s.", "--name-prefix", "out/", "--bytes", "9", "--ttl", "1h"]
        token = guarded.run("keys", "mint", "--scope", "write", *limits).strip()
        minted = connect(guarded.url, token=token).caller()
        assert (minted.scopes, minted.sessions, minted.session_prefixes) == (("write",), ("s",), ("s.",))
        assert (minted.name_prefix, minted.max_push_bytes, minted.max_artifact_bytes) == ("out/", 9, None)
        assert minted.expire_time is not None
        assert minted.expire_time > datetime.now(timezone.utc)

    def test_the_public_url_can_be_required(self, session: Any) -> None:
        session.push("x", "a")
        with pytest.raises(errors.PublicUrlRequired):
            session.ticket("read", "a", require_uri=True)

    def test_a_service_without_http_has_a_path_alone(self, connect: Connect, short_path: Path) -> None:
        service = start(short_path / "data")
        try:
            ticket = connect(service.url).ticket("push", session="s", name="a")
            assert ticket.path.startswith("/t/")
            assert (ticket.uri, ticket.local_uri) == (None, None)
        finally:
            service.stop()


class TestRecords:
    @pytest.mark.parametrize(
        ("ttl", "length"), [(1.5, 1.5), (60, 60), (timedelta(minutes=2), 120), (None, 300)], ids=str
    )
    def test_they_end_when_they_should(self, store: Any, ttl: Any, length: float) -> None:
        before = datetime.now(timezone.utc)
        ticket = store.ticket("push", session="s", name="a", ttl=ttl)
        after = datetime.now(timezone.utc)
        # The service reads its clock in whole milliseconds.
        tick = timedelta(milliseconds=1)
        assert before - tick <= ticket.expire_time - timedelta(seconds=length) <= after

    def test_they_do_not_change_and_show_no_secret(self, store: Any) -> None:
        ticket = store.ticket("push", session="s", name="a")
        assert isinstance(ticket, Ticket)
        assert ticket.id.startswith("tkt_")
        assert ticket.id in repr(ticket)
        assert ticket.path.removeprefix("/t/") not in repr(ticket)
        with pytest.raises(FrozenInstanceError):
            ticket.kind = "read"


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "more", "field"),
        [
            ("write", {}, "kind"),
            (None, {}, "kind"),
            ("read", {}, "ref"),
            ("read", {"ref": "nothing"}, "ref"),
            ("read", {"ref": b"s/a"}, "ref"),
            ("read", {"ref": "s/a", "session": "s"}, "session"),
            ("read", {"ref": "s/a", "max_bytes": 1}, "max_bytes"),
            ("read", {"session": "s", "name": "a"}, "session"),
            ("preview", {}, "ref"),
            ("preview", {"ref": "s/a", "new_version": True}, "new_version"),
            ("archive", {}, "session"),
            ("archive", {"ref": "s/a"}, "ref"),
            ("archive", {"session": 1}, "session"),
            ("archive", {"session": "s", "metadata": {"a": "b"}}, "metadata"),
            ("push", {"name": "a"}, "session"),
            ("push", {"session": "s"}, "name"),
            ("push", {"session": "s", "name": "a", "ref": "s/a"}, "ref"),
            ("push", {"session": "s", "name": b"a"}, "name"),
            ("push", {"session": "s", "name": "a", "max_bytes": 1e9}, "max_bytes"),
            ("push", {"session": "s", "name": "a", "max_bytes": 2**63}, "max_bytes"),
            ("push", {"session": "s", "name": "a", "metadata": {"key": 1}}, "metadata.key"),
            ("push", {"session": "s", "name": "a", "labels": ["x"]}, "labels"),
            ("push", {"session": "s", "name": "a", "parents": "art_" + "0" * 26}, "parents"),
            ("push", {"session": "s", "name": "a", "artifact_ttl": "1h"}, "artifact_ttl"),
            ("push", {"session": "s", "name": "a", "artifact_ttl": datetime(2100, 1, 1)}, "artifact_ttl"),
            ("archive", {"session": "s", "ttl": "1m"}, "ttl"),
            ("archive", {"session": "s", "ttl": datetime(2100, 1, 1, tzinfo=timezone.utc)}, "ttl"),
            ("archive", {"session": "s", "ttl": float("nan")}, "ttl"),
        ],
    )
    def test_before_a_call(self, connect: Connect, kind: Any, more: dict[str, Any], field: str) -> None:
        # No service is there: a call would fail in another way.
        with pytest.raises(errors.InvalidArgument) as caught:
            connect("unix:/nonexistent/sock").ticket(kind, **more)
        assert caught.value.field == field
        assert isinstance(caught.value, ValueError)
        assert str(caught.value).startswith(f"{field}: ")

    @pytest.mark.parametrize(
        ("kind", "more", "field"),
        [
            ("read", {}, "ref"),
            ("archive", {"ref": "a"}, "ref"),
            ("archive", {"session": "other"}, "session"),
            ("push", {}, "name"),
            ("push", {"ref": "a"}, "ref"),
            ("push", {"name": "a", "session": "other"}, "session"),
        ],
    )
    def test_before_a_call_of_a_session(self, connect: Connect, kind: Any, more: dict[str, Any], field: str) -> None:
        session = connect("unix:/nonexistent/sock").session("s", metadata={"a": "b"})
        with pytest.raises(errors.InvalidArgument) as caught:
            session.ticket(kind, **more)
        assert caught.value.field == field

    def test_they_say_what_can_be_given(self, connect: Connect) -> None:
        store = connect("unix:/nonexistent/sock")
        with pytest.raises(
            ValueError, match="^name: cannot be given for a ticket of the kind 'read', which takes ref$"
        ):
            store.ticket("read", "s/a", name="a")
        with pytest.raises(ValueError, match="which takes nothing else$"):
            store.session("s").ticket("archive", "a")
        with pytest.raises(ValueError, match="^kind: must be one of read, preview, archive, push, not 'get'$"):
            store.ticket("get", "s/a")

    @pytest.mark.parametrize(
        ("kind", "more", "field"),
        [
            ("archive", {"session": "s", "ttl": 301}, "ttl"),
            ("archive", {"session": "s", "ttl": 0}, "ttl"),
            ("archive", {"session": "a/b"}, "session"),
            ("push", {"session": "s", "name": "../a"}, "push.spec.name"),
            ("push", {"session": "s", "name": "a", "max_bytes": 0}, "push.max_bytes"),
            ("push", {"session": "s", "name": "a", "metadata": dict.fromkeys("abcd", "x" * 1_000)}, "push.spec"),
        ],
    )
    def test_by_the_service(self, store: Any, kind: Any, more: dict[str, Any], field: str) -> None:
        with pytest.raises(errors.InvalidArgument) as caught:
            store.ticket(kind, **more)
        assert caught.value.field == field

    def test_of_what_does_not_exist(self, store: Any, session: Any) -> None:
        session.begin()
        for kind in ("read", "preview"):
            with pytest.raises(errors.ArtifactNotFound):
                session.ticket(kind, "none")
        with pytest.raises(errors.SessionNotFound):
            store.session().ticket("archive")


class TestOperations:
    request = tickets.ticket_request("push", None, "s", ttl=None, require_uri=False, name="a")

    def test_a_request_has_no_request_id(self) -> None:
        assert self.request.push.spec.request_id == ""
        assert not self.request.HasField("ttl")
        assert not self.request.push.HasField("max_bytes")

    def test_the_call_is_repeated(self) -> None:
        answer = service_of.CreateTicketResponse(ticket=ticket_pb2.Ticket(id="tkt_1", path="/t/x"))
        driver = Scripted(errors.Unavailable("no connection"), answer)
        assert driver(tickets.create(CONTEXT, "push", self.request)).id == "tkt_1"
        assert driver.requests == [self.request, self.request]

    def test_an_older_service_is_named(self) -> None:
        missing = errors.NotImplementedByService("no such method", reason="NOT_IMPLEMENTED")
        told = info.GetServerInfoResponse(server_info=server_info.ServerInfo(version="0.0.1"))
        with pytest.raises(NotImplementedError) as caught:
            Scripted(missing, told)(tickets.create(CONTEXT, "push", self.request))
        assert str(caught.value) == (
            "the service at grpc://here:1 is version 0.0.1, older than this client, 0.1.0; "
            "it has no TicketService/CreateTicket: upgrade the service"
        )
