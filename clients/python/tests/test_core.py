"""The operations without a network: what is asked, repeated, gathered and refused."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from scripted import CONTEXT, Scripted, Stream, Upload

from artifacta_client import Ref, errors
from artifacta_client._core import artifacts, downloads, listing, sessions, statuses
from artifacta_client._core.contents import CHUNK_BYTES_MAX, PIECE_BYTES_MIN, Chunker, Items, Whole
from artifacta_client._core.details import details_from
from artifacta_client._core.errors import error_class
from artifacta_client._core.filters import combined, quoted
from artifacta_client._core.messages import artifact_from, ref_message, session_from
from artifacta_client._core.methods import artifacts as service
from artifacta_client._core.methods import content, info, server_info, upload, watch
from artifacta_client._core.pushing import DIGEST_FIRST_BYTES_MIN, INLINE_BYTES_MAX, Push, spec_message
from artifacta_client._core.versions import compare
from artifacta_client._pb.artifacta.v1 import artifact_pb2, error_reason_pb2, session_pb2

ROOT = Path(__file__).resolve().parents[3]
DATA = b"0123456789" * 10
SHA256 = hashlib.sha256(DATA).hexdigest()
ARTIFACT = artifact_pb2.Artifact(id="art_" + "0" * 26, session="s", name="n", version=1, sha256=SHA256, size_bytes=100)


def lost() -> errors.Unavailable:
    return errors.Unavailable("no connection")


def spec(**more: object) -> upload.ArtifactSpec:
    given = dict.fromkeys(("metadata", "labels", "media_type", "ttl", "parents", "request_id"))
    return spec_message("s", "n", **{**given, "new_version": False, **more})  # type: ignore[arg-type]


class TestRetries:
    def test_waits_longer_from_try_to_try_and_gives_up(self) -> None:
        driver = Scripted(*(lost() for _ in range(6)))
        with pytest.raises(errors.Unavailable):
            driver(artifacts.get(CONTEXT, "s/n", None))
        assert driver.pauses == [0.1, 0.2, 0.4, 0.8, 1.6]
        assert len(driver.revived) == 5

    def test_waits_as_long_as_the_service_asks(self) -> None:
        full = errors.Overloaded("too much", reason="OVERLOADED", retry_after=3.0)
        driver = Scripted(full, service.GetArtifactResponse(artifact=ARTIFACT))
        assert driver(artifacts.get(CONTEXT, "s/n", None)) == artifact_from(ARTIFACT)
        assert driver.pauses == [3.0]

    def test_raises_at_once_what_does_not_pass(self) -> None:
        for error in (
            errors.NotFound("no"),
            errors.QuotaExceeded("no", reason="QUOTA_EXCEEDED", retry_after=1.0),
            errors.StoreInRecovery("no", reason="STORE_IN_RECOVERY"),
            errors.ForeignService("no"),
        ):
            driver = Scripted(error)
            with pytest.raises(type(error)):
                driver(artifacts.get(CONTEXT, "s/n", None))
            assert driver.pauses == []

    def test_does_not_repeat_what_would_be_refused_or_made_twice(self) -> None:
        for flow in (
            artifacts.share(CONTEXT, "s/n", None, None, require_url=False),
            artifacts.delete(CONTEXT, "s/n", None, "etag"),
            artifacts.update(CONTEXT, "s/n", None, labels={}, ttl=None, hold=None, etag="etag"),
        ):
            with pytest.raises(errors.Unavailable):
                Scripted(lost())(flow)

    def test_raises_the_error_if_the_deadline_allows_no_further_wait(self) -> None:
        driver = Scripted(*(lost() for _ in range(6)), patience=0.5)
        with pytest.raises(errors.Unavailable):
            driver(artifacts.get(CONTEXT, "s/n", None))
        assert driver.pauses == [0.1, 0.2, 0.4]


class TestPushes:
    def answer(self, **receipt: bool) -> upload.UploadArtifactResponse:
        return upload.UploadArtifactResponse(artifact=ARTIFACT, receipt=upload.Receipt(**receipt))

    def test_sends_a_small_content_in_one_message_with_its_digest(self) -> None:
        driver = Scripted(upload.CreateArtifactResponse(artifact=ARTIFACT))
        made = driver(Push(CONTEXT, spec(request_id="r"), None).run(Whole(DATA)))
        assert made.pushed == "new"
        request = driver.requests[0]
        assert (request.data, request.spec.sha256, request.spec.size_bytes) == (DATA, SHA256, 100)

    def test_repeats_with_the_same_request_id_and_the_same_bytes(self) -> None:
        driver = Scripted(lost(), upload.CreateArtifactResponse(artifact=ARTIFACT))
        driver(Push(CONTEXT, spec(), None).run(Items(iter([DATA]))))
        first, second = driver.requests
        assert first == second
        assert first.spec.request_id

    def test_repeats_an_upload_from_its_beginning(self) -> None:
        broken, whole = Upload(lost(), refusal_after=2), Upload(self.answer())
        data = bytes(2 * PIECE_BYTES_MIN)
        Scripted(broken, whole)(Push(CONTEXT, spec(), None).run(Whole(data)))
        assert broken.is_cancelled
        assert not whole.is_cancelled
        parts = [message.WhichOneof("part") for message in whole.written]
        assert (parts[0], parts[-1]) == ("start", "finish")
        assert b"".join(message.chunk for message in whole.written) == data
        assert whole.written[-1].finish.sha256 == hashlib.sha256(data).hexdigest()
        assert broken.written[0] == whole.written[0]

    def test_repeats_an_iterator_only_while_what_it_gave_is_kept(self) -> None:
        pieces = [bytes([number]) * CHUNK_BYTES_MAX for number in range(8)]
        early, whole = Upload(lost(), refusal_after=3), Upload(self.answer())
        Scripted(early, whole)(Push(CONTEXT, spec(), None).run(Items(iter(pieces))))
        assert b"".join(message.chunk for message in whole.written) == b"".join(pieces)
        late = Upload(lost(), refusal_after=8)
        with pytest.raises(errors.Unavailable, match="cannot be read again, so the push was not repeated"):
            Scripted(late)(Push(CONTEXT, spec(), None).run(Items(iter(pieces))))
        assert late.is_cancelled

    def test_cancels_the_upload_if_the_source_raises(self) -> None:
        def source() -> Iterator[bytes]:
            yield bytes(INLINE_BYTES_MAX + 1)
            raise RuntimeError("mine")

        begun = Upload(self.answer())
        with pytest.raises(RuntimeError, match="mine"):
            Scripted(begun)(Push(CONTEXT, spec(), None).run(Items(source())))
        assert begun.is_cancelled
        assert all(message.WhichOneof("part") != "finish" for message in begun.written)

    def test_asks_by_the_digest_first_for_large_contents(self) -> None:
        data = bytes(DIGEST_FIRST_BYTES_MIN)
        driver = Scripted(upload.CreateArtifactResponse(artifact=ARTIFACT))
        driver(Push(CONTEXT, spec(), None).run(Whole(data)))
        assert driver.requests[0].digest.sha256 == hashlib.sha256(data).hexdigest()
        for refusal in (
            errors.ContentNotFound("no", reason="CONTENT_NOT_FOUND"),
            errors.PermissionDenied("no", reason="PERMISSION_DENIED"),
        ):
            sent = Upload(self.answer(deduplicated=True))
            made = Scripted(refusal, sent)(Push(CONTEXT, spec(), None).run(Whole(data)))
            assert made.pushed == "unchanged"
            assert sent.written[0].start.spec.sha256 == hashlib.sha256(data).hexdigest()

    @pytest.mark.parametrize("length", [0, 1, PIECE_BYTES_MIN - 1, PIECE_BYTES_MIN, CHUNK_BYTES_MAX + 1])
    def test_gathers_small_pieces_and_cuts_large_ones(self, length: int) -> None:
        data = bytes(range(256)) * (length // 256 + 1)
        for step in (1 + length // 3, 4_096, max(length, 1)):
            chunker = Chunker()
            chunks = [
                chunk for at in range(0, length, step) for chunk in chunker.take(data[at : min(at + step, length)])
            ]
            chunks += chunker.rest()
            assert b"".join(chunks) == data[:length]
            assert all(0 < len(chunk) <= CHUNK_BYTES_MAX for chunk in chunks)
            assert all(len(chunk) >= PIECE_BYTES_MIN for chunk in chunks[:-1]) or length > CHUNK_BYTES_MAX


class TestDownloads:
    def begin(self, *parts: object) -> Stream:
        message = content.DownloadArtifactResponse
        return Stream(
            [message(artifact=ARTIFACT), *(message(chunk=part) if isinstance(part, bytes) else part for part in parts)]
        )

    def read(self, driver: Scripted, download: downloads.Download) -> bytes:
        pieces = []
        while (piece := driver(download.next())) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    def test_goes_on_where_it_broke(self) -> None:
        driver = Scripted(self.begin(DATA[:40], lost()), lost(), self.begin(DATA[40:90], lost()), self.begin(DATA[90:]))
        assert self.read(driver, downloads.Download(CONTEXT, "s/n")) == DATA
        assert [request.offset for request in driver.requests] == [0, 40, 40, 90]
        assert [request.artifact.id for request in driver.requests[1:]] == [ARTIFACT.id] * 3

    def test_refuses_other_bytes_fewer_and_more(self) -> None:
        for parts in ([DATA[:-1] + b"x"], [DATA[:-1]], [DATA + b"x"]):
            with pytest.raises(errors.DataLoss):
                self.read(Scripted(self.begin(*parts)), downloads.Download(CONTEXT, "s/n"))

    def test_reads_on_from_one_download_and_elsewhere_from_a_range(self) -> None:
        driver = Scripted(self.begin(DATA[50:]), self.begin(DATA[:30], DATA[30:]))
        reader = downloads.RangeReader(CONTEXT, artifact_from(ARTIFACT))
        assert driver(reader.read(50, 10)) == DATA[50:60]
        assert driver(reader.read(60, 10)) == DATA[60:70]
        assert driver(reader.read(0, 10)) == DATA[:10]
        assert driver(reader.read(10, 100)) == DATA[10:30]
        assert driver(reader.read(100, 5)) == b""
        assert len(driver.requests) == 2


class TestWatches:
    def test_goes_on_after_the_last_event_and_ignores_what_it_does_not_know(self) -> None:
        message = watch.WatchSessionResponse
        committed = message(sequence=3, committed=ARTIFACT)
        sealed = message(sequence=5, sealed=session_pb2.Session(id="s", state=3, outcome=1))
        driver = Scripted(
            Stream([message(heartbeat=watch.Heartbeat()), committed, lost()]),
            Stream([message(sequence=4), errors.ShuttingDown("later", reason="SHUTTING_DOWN")]),
            Stream([sealed]),
        )
        events = sessions.Watch(CONTEXT, "s")
        found = []
        while (event := driver(events.next())) is not None:
            found.append(event.kind)
        assert found == ["committed", "sealed"]
        assert [request.after_sequence for request in driver.requests] == [0, 3, 4]

    def test_a_session_that_goes_ends_it(self) -> None:
        gone = errors.SessionNotFound("no", reason="SESSION_NOT_FOUND")
        events = sessions.Watch(CONTEXT, "s")
        with pytest.raises(errors.SessionNotFound):
            Scripted(Stream([gone]))(events.next())


class TestErrors:
    def test_every_reason_has_a_class_of_its_code(self) -> None:
        text = (ROOT / "proto/artifacta/v1/error_reason.proto").read_text()
        found = re.findall(r"((?:  // .*\n)+)  ERROR_REASON_(\w+) = \d+;", text)
        codes = {kind.code: number for number, kind in errors_by_code().items()}
        assert len(found) == len(error_reason_pb2.ErrorReason.keys())
        for comment, reason in found:
            if reason == "UNSPECIFIED":
                continue
            code = re.search(r"// ([A-Z_]+)[.;]", comment)
            assert code is not None
            kind = error_class(codes[code.group(1)], reason)
            assert kind.code == code.group(1)
            assert kind is not errors.ArtifactaError
            shares_its_class = reason in (
                "INVALID_ARGUMENT",
                "PERMISSION_DENIED",
                "UNAUTHENTICATED",
                "DATA_LOSS",
                "CANCELLED",
                "DEADLINE_EXCEEDED",
                "INTERNAL",
            )
            assert (kind in errors_by_code().values()) == shares_its_class, reason

    def test_a_reason_of_a_later_version_gets_the_class_of_its_code(self) -> None:
        assert error_class(9, "FUTURE_REASON") is errors.FailedPrecondition
        assert error_class(5, "SESSION_SEALED") is errors.NotFound

    def test_they_are_errors_of_python_too_and_survive_a_pickle(self) -> None:
        for kind, base in (
            (errors.DeadlineExceeded, TimeoutError),
            (errors.Unavailable, ConnectionError),
            (errors.InvalidArgument, ValueError),
            (errors.SessionNotFound, LookupError),
        ):
            error = kind("why", reason="R", metadata={"a": "b"}, violations=(errors.Violation("f", "d"),))
            copy = pickle.loads(pickle.dumps(error))
            assert isinstance(copy, base)
            assert (str(copy), copy.reason, copy.metadata, copy.field) == ("why", "R", {"a": "b"}, "f")

    def test_reads_details_and_nothing_from_bytes_that_are_none(self) -> None:
        assert details_from(None).reason is None
        for broken in (b"\xff" * 20, b"\x1a\x05abc", bytes(range(256))):
            assert details_from(broken).reason is None

    @pytest.mark.parametrize(
        ("code", "message", "kind", "words"),
        [
            (
                14,
                "failed to connect to all addresses; last error: Connection refused",
                errors.Unavailable,
                "nothing listens",
            ),
            (14, "SSL_ERROR_SSL: WRONG_VERSION_NUMBER", errors.ForeignService, "does not speak TLS"),
            (14, "Trying to connect an http1.x server", errors.ForeignService, "does not speak HTTP/2"),
            (14, "CERTIFICATE_VERIFY_FAILED", errors.UntrustedService, "not trusted"),
            (2, "Received http2 header with status: 404", errors.ForeignService, "HTTP 404"),
            (14, "Received http2 header with status: 502", errors.Unavailable, "HTTP 502"),
            (7, "Received http2 header with status: 403", errors.PermissionDenied, "HTTP 403"),
            (13, "Received RST_STREAM with error code 2", errors.Unavailable, "it was lost"),
            (4, "Deadline Exceeded", errors.DeadlineExceeded, "in time"),
        ],
    )
    def test_says_in_words_what_a_library_means(
        self, code: int, message: str, kind: type[errors.ArtifactaError], words: str
    ) -> None:
        error = statuses.error_from(code, message, (), "grpc://here:1")
        assert type(error) is kind
        assert words in str(error)


def errors_by_code() -> dict[int, type[errors.ArtifactaError]]:
    return {number: error_class(number, None) for number in range(1, 17) if number != 2}


class TestVersions:
    def told(self, version: str, *methods: str) -> info.GetServerInfoResponse:
        return info.GetServerInfoResponse(server_info=server_info.ServerInfo(version=version, methods=methods))

    missing = errors.NotImplementedByService("no such method", reason="NOT_IMPLEMENTED")

    def failure(self, *answers: object) -> str:
        with pytest.raises(errors.ArtifactaError) as caught:
            Scripted(*answers)(artifacts.get(CONTEXT, "s/n", None))
        return str(caught.value)

    def test_names_both_versions_if_a_method_is_missing(self) -> None:
        assert self.failure(self.missing, self.told("0.0.1")) == (
            "the service at grpc://here:1 is version 0.0.1, older than this client, 0.1.0; "
            "it has no ArtifactService/GetArtifact: upgrade the service"
        )
        assert "does not say its version" in self.failure(self.missing, self.missing)
        assert "upgrade this client" in self.failure(self.missing, self.told("9.0.0"))

    def test_names_both_versions_if_an_older_service_refuses_a_field(self) -> None:
        refusal = errors.InvalidArgument("x: unknown", reason="INVALID_ARGUMENT")
        assert "older than this client" in self.failure(refusal, self.told("0.0.1"))
        assert self.failure(refusal, self.told("0.1.0")) == "x: unknown"
        assert self.failure(refusal, lost()) == "x: unknown"

    def test_compares(self) -> None:
        assert compare("0.1.0", "0.2.0") < 0 < compare("1.0.0", "1.0.0-rc.1")
        assert compare("x", "0.1.0") == compare("1.0.0+a", "1.0.0+b") == 0


class TestRequests:
    def test_quotes_values_of_filters(self) -> None:
        assert quoted("""a"b'c*d\\e""") == '''"a\\"b\\'c\\*d\\\\e"'''
        since = datetime(2026, 1, 1, tzinfo=timezone.utc)
        assert combined("a = 1 OR b = 2", {"agent": "x", "a.b": "y"}, since) == (
            '(a = 1 OR b = 2) AND metadata.agent = "x" AND metadata."a.b" = "y" '
            'AND create_time >= "2026-01-01T00:00:00+00:00"'
        )
        assert combined(None, None, timedelta(hours=1)) == "create_time >= now-3600s"
        assert combined("a = 1", None, None) == "a = 1"

    def test_reads_references(self) -> None:
        assert ref_message(ARTIFACT.id).id == ARTIFACT.id
        assert ref_message("s/a/b").name.name == "a/b"
        assert ref_message(Ref("s", "n", 2)).name.version == 2
        assert ref_message("a/b", "s").name.session == "s"
        with pytest.raises(errors.InvalidArgument, match="SESSION/NAME"):
            ref_message("nothing")

    def test_pages_until_the_limit_and_over_pages_that_are_empty(self) -> None:
        page = service.ListArtifactsResponse
        driver = Scripted(
            page(next_page_token="a"), page(artifacts=[ARTIFACT] * 3, next_page_token="b"), page(artifacts=[ARTIFACT])
        )
        query = {"filter": None, "session": None, "name": None, "metadata": None, "since": None, "order": "newest"}
        found = listing.list_artifacts(CONTEXT, 4, **query, all_versions=False)
        assert [driver(found.next()) is None for _ in range(5)] == [False] * 4 + [True]
        assert [(request.page_size, request.page_token) for request in driver.requests] == [(4, ""), (4, "a"), (1, "b")]

    def test_reads_a_session_of_a_later_version(self) -> None:
        record = session_from(session_pb2.Session(id="s", state=9, outcome=9))  # type: ignore[arg-type]
        assert (record.state, record.outcome) == ("OPEN", None)
