"""What the client does against a real service, blocking and with asyncio."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import Service

from artifacta_client import KeepLast, Progress, Ref, Retention, errors

BIG = os.urandom(3 * 1024 * 1024 + 17)


class TestSessions:
    def test_opens_and_seals_by_how_the_block_ended(self, store: Any) -> None:
        with store.session(metadata={"agent": "a"}, labels={"x": "y"}, expected_outputs=["out.txt"]) as session:
            assert session.state == "OPEN"
            made = session.push("text", "notes.txt")
            assert made.metadata == {"agent": "a"}
        assert (session.state, session.outcome) == ("SEALED", "SUCCEEDED")
        assert session.record.missing_outputs == ("out.txt",)
        with pytest.raises(ZeroDivisionError), store.session() as session:
            raise ZeroDivisionError
        assert session.outcome == "FAILED"
        with pytest.raises(KeyboardInterrupt), store.session() as session:
            raise KeyboardInterrupt
        assert session.outcome == "CANCELLED"
        with pytest.raises(SystemExit), store.session() as session:
            raise SystemExit(0)
        assert session.outcome == "SUCCEEDED"
        with store.session() as session:
            session.seal("FAILED")
        assert session.outcome == "FAILED"

    def test_the_error_of_the_run_matters_more_than_that_of_the_seal(self, store: Any) -> None:
        session = store.session()
        with pytest.raises(ZeroDivisionError), session:
            store.session(session.id).seal("SUCCEEDED")
            raise ZeroDivisionError
        with pytest.raises(errors.OutcomeConflict), store.session() as other:
            store.session(other.id).seal("FAILED")

    def test_does_not_begin_in_one_that_is_sealed_or_has_other_settings(self, store: Any) -> None:
        with store.session(metadata={"a": "1"}) as session:
            with pytest.raises(errors.SessionConflict) as caught:
                store.session(session.id, metadata={"a": "2"}).begin()
            assert caught.value.field == "metadata"
            assert store.session(session.id, metadata={"a": "1"}).begin().state == "OPEN"
        with pytest.raises(errors.SessionSealed) as sealed:
            store.session(session.id, metadata={"a": "1"}).begin()
        assert sealed.value.metadata["outcome"] == "succeeded"

    def test_a_push_without_a_block_opens_it_with_its_settings(self, store: Any) -> None:
        session = store.session(metadata={"agent": "a"})
        assert session.push("x", "x.txt").metadata == {"agent": "a"}
        assert session.state == "OPEN"

    def test_changes_renews_amends_and_removes(self, store: Any) -> None:
        keep = KeepLast(2, "pipeline")
        retention = Retention(succeeded=timedelta(days=30), failed=timedelta(days=7), keep_last=keep)
        session = store.session(metadata={"pipeline": "p"}, retention=retention, lease=60).begin()
        assert session.record.retention == retention
        assert session.record.lease.duration == timedelta(seconds=60)
        assert session.renew().state == "OPEN"
        assert session.change(labels={"a": "b"}).record.labels == {"a": "b"}
        assert session.change(retention="never").record.retention == Retention()
        session.seal("ABANDONED")
        assert session.amend("FAILED").outcome == "FAILED"
        assert session.remove()
        assert not session.remove()
        with pytest.raises(errors.SessionNotFound):
            session.refresh()

    def test_lists_them_by_a_filter(self, store: Any) -> None:
        ids = [store.session(metadata={"kind": "listed"}).begin().id for _ in range(3)]
        found = store.sessions('metadata.kind = "listed"', order="oldest")
        assert {session.id for session in found} >= set(ids)
        assert {session.state for session in store.sessions('metadata.kind = "listed"', limit=2)} == {"OPEN"}

    def test_watches_and_waits(self, store: Any) -> None:
        session = store.session()
        first = session.push("1", "a")
        session.push("2", "b")
        session.delete("a")
        events = session.watch()
        assert [next(events).kind for _ in range(3)] == ["deleted", "committed", "deleted"]
        session.seal()
        (sealed,) = events
        assert sealed.session.outcome == "SUCCEEDED"
        assert sealed.session.manifest.line_count == 1
        assert [event.kind for event in session.watch(after=3)] == ["sealed"]
        assert store.session(session.id).wait(30).outcome == "SUCCEEDED"
        assert first.sequence == 1

    def test_waits_for_one_that_is_not_there_yet(self, store: Any, service: Service) -> None:
        session = store.session()
        import artifacta_client

        def run() -> None:
            with artifacta_client.connect(service.url) as other, other.session(session.id) as mine:
                mine.push("x", "x")

        thread = threading.Thread(target=run)
        thread.start()
        assert session.wait(60, wait_for_open=True).outcome == "SUCCEEDED"
        thread.join()

    def test_a_wait_has_a_deadline(self, store: Any) -> None:
        session = store.session().begin()
        with pytest.raises(errors.DeadlineExceeded):
            session.wait(0.3)
        with pytest.raises(TimeoutError):
            session.wait(timeout=0)

    def test_compares_two(self, store: Any) -> None:
        base, session = store.session(), store.session()
        base.push("1", "same"), session.push("1", "same")
        base.push("1", "other"), session.push("2", "other")
        session.push("3", "added")
        assert [(one.name, one.kind) for one in session.compare(base)] == [("added", "ADDED"), ("other", "CONTENT")]


class TestPushesAndPulls:
    def test_says_what_it_made(self, session: Any) -> None:
        assert session.push("1", "a.txt").pushed == "new"
        assert session.push("1", "a.txt").pushed == "unchanged"
        assert session.push("2", "a.txt").pushed == "version"
        again = session.push("2", "a.txt", request_id=f"r-{session.id}", new_version=True)
        assert (again.pushed, again.version, again.replayed) == ("version", 3, False)
        assert session.push("2", "a.txt", request_id=f"r-{session.id}", new_version=True).replayed
        with pytest.raises(errors.RequestIdReused):
            session.push("3", "a.txt", request_id=f"r-{session.id}")

    def test_keeps_what_is_said_of_it(self, session: Any) -> None:
        first = session.push(b"1", "a", metadata={"k": "v"}, labels={"l": "m"}, media_type="text/x-own", ttl=3600)
        assert (first.metadata, first.labels, first.media_type) == ({"k": "v"}, {"l": "m"}, "text/x-own")
        assert first.expire_time is not None
        assert abs(first.expire_time - first.create_time - timedelta(hours=1)) < timedelta(seconds=5)
        at = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=2)
        second = session.push(b"2", "b", parents=[first], ttl=at)
        assert (second.parents, second.expire_time, second.expiry_source) == ((first.id,), at, "ARTIFACT")
        (edge,) = session.lineage("b")
        assert (edge.input_id, edge.artifact) == (first.id, session.get("a"))
        assert [edge.derived_id for edge in session.lineage("a", "derived", depth=3)] == [second.id]

    def test_reports_progress_that_ends_with_the_whole(self, session: Any, tmp_path: Path) -> None:
        told: list[Progress] = []
        session.push(iter([BIG]), "a", progress=told.append)
        assert (told[-1].phase, told[-1].bytes, told[-1].total) == ("sending", len(BIG), None)
        told.clear()
        session.pull("a", tmp_path / "a", progress=told.append)
        assert told[-1] == Progress("receiving", len(BIG), len(BIG))
        assert [one.bytes for one in told] == sorted(one.bytes for one in told)

    def test_a_large_content_that_is_there_is_not_sent(self, session: Any) -> None:
        data = os.urandom(9 * 1024 * 1024)
        told: list[Progress] = []
        session.push(data, "a", progress=told.append)
        assert {one.phase for one in told} == {"hashing", "sending"}
        told.clear()
        assert session.push(data, "b", progress=told.append).pushed == "new"
        assert {one.phase for one in told} == {"hashing"}

    def test_pulls_to_a_file_a_directory_and_the_working_directory(
        self, store: Any, session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = session.push(BIG, "data/big.bin")
        assert session.pull("data/big.bin", tmp_path / "own") == str(tmp_path / "own")
        assert store.pull(made, tmp_path) == str(tmp_path / "big.bin")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "big.bin").write_text("other")
        assert store.pull(f"{session.id}/data/big.bin") == "big.bin"
        assert (tmp_path / "big.bin").read_bytes() == (tmp_path / "own").read_bytes() == BIG
        assert sorted(os.listdir(tmp_path)) == ["big.bin", "own"]

    def test_leaves_nothing_behind_after_a_pull_that_fails(self, session: Any, tmp_path: Path) -> None:
        session.push(BIG, "a")
        with pytest.raises(RuntimeError):
            session.pull("a", tmp_path / "a", progress=_fail)
        assert os.listdir(tmp_path) == []
        with pytest.raises(FileNotFoundError):
            session.pull("a", tmp_path / "none" / "a")

    def test_opens_a_file_that_seeks(self, store: Any, session: Any) -> None:
        made = session.push(BIG, "a")
        session.push(b"newer", "a")
        with store.open(made.id) as file:
            assert file.seek(-7, io.SEEK_END) == len(BIG) - 7
            assert file.read() == BIG[-7:]
            assert file.seek(1_500_000) == file.tell()
            assert file.read(1000) == BIG[1_500_000:1_501_000]
            file.seek(0)
            assert hashlib.sha256(file.read()).hexdigest() == made.sha256
            assert file.read(5) == b""
            file.seek(len(BIG) + 10)
            assert file.read() == b""
            with pytest.raises(ValueError, match="before the beginning|negative"):
                file.seek(-1)
        with pytest.raises(ValueError, match="closed"):
            file.read()
        with store.open(Ref(session.id, "a")) as file:
            assert file.read() == b"newer"

    def test_an_empty_content(self, session: Any, tmp_path: Path) -> None:
        assert session.push(b"", "a").size_bytes == 0
        assert Path(session.pull("a", tmp_path / "a")).read_bytes() == b""
        with session.open("a") as file:
            assert file.read() == b""


class TestReading:
    def test_reads_windows(self, session: Any) -> None:
        session.push("".join(f"line {number}\n" for number in range(1, 101)), "log.txt")
        assert session.read("log.txt", lines=2).text == "line 1\nline 2\n"
        assert session.read("log.txt", lines=-1).text == "line 100\n"
        assert session.read("log.txt", lines=range(10, 12)).text == "line 10\nline 11\n"
        assert session.read("log.txt", offset=5, limit=3).data == b"1\nl"
        found = session.read("log.txt", grep="^LINE 5$", ignore_case=True, before=1, after=1)
        assert (found.text, [match.line for match in found.matches]) == ("line 4\nline 5\nline 6\n", [5])
        session.push("a,b\n1,2\n3,4\n", "t.csv")
        assert session.read("t.csv", rows=range(2, 3), columns=["b"]).text == "b\n4\n"
        session.push({"a": [1, {"b": "c"}]}, "d.json")
        assert session.read("d.json", pointer="/a/1").text == '{"b":"c"}'
        session.push(b"\xff\xfe\xfa", "raw.bin")
        piece = session.read("raw.bin")
        assert (piece.text is None or piece.text == "") or piece.data

    def test_reads_all_pieces_of_one_version(self, session: Any) -> None:
        text = "".join(f"line {number}\n" for number in range(1000))
        session.push(text, "log.txt")
        pieces = session.pieces("log.txt", max_bytes=1000)
        first = next(pieces)
        assert first.truncated
        session.push("other", "log.txt")
        assert first.text + "".join(piece.text for piece in pieces) == text

    @pytest.mark.parametrize(
        ("window", "field"),
        [
            ({"lines": 1, "grep": "x"}, "grep"),
            ({"lines": range(5)}, "lines"),
            ({"lines": range(1, 9, 2)}, "lines"),
            ({"before": 1}, "before"),
            ({"lines": 1, "columns": ["a"]}, "columns"),
            ({"max_bytes": 2**40}, "max_bytes"),
            ({"rows": "3"}, "rows"),
        ],
    )
    def test_refuses_windows_that_are_none(self, session: Any, window: dict[str, Any], field: str) -> None:
        with pytest.raises(errors.InvalidArgument) as caught:
            session.read("log.txt", **window)
        assert caught.value.field == field


class TestQueries:
    def test_pages_by_itself(self, session: Any) -> None:
        for number in range(7):
            session.push(str(number), f"n{number}", metadata={"odd": str(number % 2), "a.b": 'quote " and *'})
        assert [one.name for one in session.query(order="oldest")] == [f"n{number}" for number in range(7)]
        assert [one.name for one in session.query(metadata={"odd": "1"})] == ["n5", "n3", "n1"]
        assert len(list(session.query(metadata={"a.b": 'quote " and *'}, since="1h"))) == 7
        assert list(session.query(metadata={"a.b": "quote "})) == []
        assert len(list(session.query("size_bytes = 1", since=timedelta(hours=1), limit=3))) == 3
        assert list(session.query(since=datetime.now(timezone.utc) + timedelta(days=1))) == []
        session.push("new", "n0")
        assert [one.version for one in session.query(name="n0", all_versions=True)] == [2, 1]

    def test_a_page_says_more(self, store: Any, session: Any) -> None:
        for number in range(5):
            session.push(f"text {number}", f"n{number}.txt")
        page = session.query_page(page_size=2, explain=True, estimate_total=True, preview_bytes=4)
        assert len(page.artifacts) == 2
        assert page.approximate_total is not None
        assert page.explanation is not None
        assert page.previews[page.artifacts[0].id] == "text"
        rest = session.query_page(
            page_size=2, page_token=page.next_page_token, explain=True, estimate_total=True, preview_bytes=4
        )
        assert {one.name for one in page.artifacts}.isdisjoint(one.name for one in rest.artifacts)
        with pytest.raises(errors.InvalidArgument, match="session: is required"):
            store.query(name="x")

    def test_leaving_early_is_free(self, session: Any) -> None:
        for number in range(3):
            session.push(str(number), f"n{number}")
        found = session.query()
        next(found)
        found.close()
        assert list(found) == []


class TestChanges:
    def test_changes_labels_expiry_and_hold(self, session: Any) -> None:
        session.push("1", "a", ttl=timedelta(days=1))
        assert session.update("a", labels={"x": "y"}).labels == {"x": "y"}
        assert session.update("a", ttl="never").expire_time is None
        held = session.update("a", hold=True)
        assert held.hold
        with pytest.raises(errors.ArtifactHeld):
            session.delete("a")
        with pytest.raises(errors.EtagMismatch):
            session.update("a", hold=False, etag='"0"')
        session.update("a", hold=False, etag=held.etag)
        assert session.delete("a")
        assert not session.delete("a")
        with pytest.raises(errors.ArtifactDeleted):
            session.get("a")

    def test_shares_lists_and_revokes(self, store: Any, session: Any, service: Service) -> None:
        made = session.push("secret", "a")
        link = session.share("a", ttl=60)
        assert link.url is not None
        assert link.path is not None
        assert link.url.startswith(f"http://{service.http}/s/")
        assert link.path in link.url
        assert link.path not in repr(link)
        assert [one.id for one in session.links()] == [one.id for one in store.links(made)] == [link.id]
        assert store.revoke(link) == 1
        assert store.revoke(ref=made) == 0
        assert list(store.links(session=session.id)) == []
        assert [one.id for one in session.links(ended=True)] == [link.id]
        with pytest.raises(errors.PublicUrlRequired):
            store.share(made, require_url=True)


def test_what_the_service_is(store: Any) -> None:
    info = store.server_info()
    assert "artifacta.v1.ArtifactService/GetArtifact" in info.methods
    assert info.limits["max_lease"] == timedelta(days=30)
    assert info.limits["chunk_bytes"] == 1024 * 1024


def test_a_closed_store_says_so(store: Any) -> None:
    store.server_info()
    store.close()
    with pytest.raises(errors.CallCancelled, match="closed"):
        store.server_info()


def test_calls_from_many_threads(service: Service) -> None:
    import artifacta_client

    with artifacta_client.connect(service.url) as store:
        session = store.session()
        names = [f"n{number}" for number in range(8)]
        threads = [threading.Thread(target=session.push, args=(os.urandom(400_000), name)) for name in names]
        for thread in itertools.chain(threads):
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(one.name for one in session.query()) == names


def _fail(_progress: Progress) -> None:
    raise RuntimeError("mine")
