from artifacta_client._pb.artifacta.v1 import artifact_pb2 as _artifact_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DownloadArtifactRequest(_message.Message):
    __slots__ = ("artifact", "offset", "limit", "allow_redirect")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ALLOW_REDIRECT_FIELD_NUMBER: _ClassVar[int]
    artifact: _artifact_pb2.ArtifactRef
    offset: int
    limit: int
    allow_redirect: bool
    def __init__(self, artifact: _Optional[_Union[_artifact_pb2.ArtifactRef, _Mapping]] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ..., allow_redirect: bool = ...) -> None: ...

class DownloadArtifactResponse(_message.Message):
    __slots__ = ("artifact", "chunk", "redirect")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_FIELD_NUMBER: _ClassVar[int]
    artifact: _artifact_pb2.Artifact
    chunk: bytes
    redirect: DownloadRedirect
    def __init__(self, artifact: _Optional[_Union[_artifact_pb2.Artifact, _Mapping]] = ..., chunk: _Optional[bytes] = ..., redirect: _Optional[_Union[DownloadRedirect, _Mapping]] = ...) -> None: ...

class DownloadRedirect(_message.Message):
    __slots__ = ("uri", "expire_time")
    URI_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    uri: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, uri: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReadArtifactRequest(_message.Message):
    __slots__ = ("artifact", "max_bytes", "bytes", "lines", "head", "tail", "grep", "json", "csv", "cursor")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    GREP_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    CSV_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    artifact: _artifact_pb2.ArtifactRef
    max_bytes: int
    bytes: ByteWindow
    lines: LineWindow
    head: HeadWindow
    tail: TailWindow
    grep: GrepWindow
    json: JsonWindow
    csv: CsvWindow
    cursor: str
    def __init__(self, artifact: _Optional[_Union[_artifact_pb2.ArtifactRef, _Mapping]] = ..., max_bytes: _Optional[int] = ..., bytes: _Optional[_Union[ByteWindow, _Mapping]] = ..., lines: _Optional[_Union[LineWindow, _Mapping]] = ..., head: _Optional[_Union[HeadWindow, _Mapping]] = ..., tail: _Optional[_Union[TailWindow, _Mapping]] = ..., grep: _Optional[_Union[GrepWindow, _Mapping]] = ..., json: _Optional[_Union[JsonWindow, _Mapping]] = ..., csv: _Optional[_Union[CsvWindow, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class ByteWindow(_message.Message):
    __slots__ = ("offset", "limit")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    offset: int
    limit: int
    def __init__(self, offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class LineWindow(_message.Message):
    __slots__ = ("first", "count")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    first: int
    count: int
    def __init__(self, first: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class HeadWindow(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: int
    def __init__(self, lines: _Optional[int] = ...) -> None: ...

class TailWindow(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: int
    def __init__(self, lines: _Optional[int] = ...) -> None: ...

class GrepWindow(_message.Message):
    __slots__ = ("pattern", "ignore_case", "lines_before", "lines_after", "max_matches", "invert")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    IGNORE_CASE_FIELD_NUMBER: _ClassVar[int]
    LINES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LINES_AFTER_FIELD_NUMBER: _ClassVar[int]
    MAX_MATCHES_FIELD_NUMBER: _ClassVar[int]
    INVERT_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    ignore_case: bool
    lines_before: int
    lines_after: int
    max_matches: int
    invert: bool
    def __init__(self, pattern: _Optional[str] = ..., ignore_case: bool = ..., lines_before: _Optional[int] = ..., lines_after: _Optional[int] = ..., max_matches: _Optional[int] = ..., invert: bool = ...) -> None: ...

class JsonWindow(_message.Message):
    __slots__ = ("pointer",)
    POINTER_FIELD_NUMBER: _ClassVar[int]
    pointer: str
    def __init__(self, pointer: _Optional[str] = ...) -> None: ...

class CsvWindow(_message.Message):
    __slots__ = ("first_row", "count", "columns", "delimiter")
    FIRST_ROW_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    first_row: int
    count: int
    columns: _containers.RepeatedScalarFieldContainer[str]
    delimiter: str
    def __init__(self, first_row: _Optional[int] = ..., count: _Optional[int] = ..., columns: _Optional[_Iterable[str]] = ..., delimiter: _Optional[str] = ...) -> None: ...

class ReadArtifactResponse(_message.Message):
    __slots__ = ("artifact", "text", "data", "start_offset", "end_offset", "first_line", "matches", "truncated", "next_cursor", "malformed_lines")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    START_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    FIRST_LINE_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    MALFORMED_LINES_FIELD_NUMBER: _ClassVar[int]
    artifact: _artifact_pb2.Artifact
    text: str
    data: bytes
    start_offset: int
    end_offset: int
    first_line: int
    matches: _containers.RepeatedCompositeFieldContainer[GrepMatch]
    truncated: bool
    next_cursor: str
    malformed_lines: int
    def __init__(self, artifact: _Optional[_Union[_artifact_pb2.Artifact, _Mapping]] = ..., text: _Optional[str] = ..., data: _Optional[bytes] = ..., start_offset: _Optional[int] = ..., end_offset: _Optional[int] = ..., first_line: _Optional[int] = ..., matches: _Optional[_Iterable[_Union[GrepMatch, _Mapping]]] = ..., truncated: bool = ..., next_cursor: _Optional[str] = ..., malformed_lines: _Optional[int] = ...) -> None: ...

class GrepMatch(_message.Message):
    __slots__ = ("line", "offset", "text_line")
    LINE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TEXT_LINE_FIELD_NUMBER: _ClassVar[int]
    line: int
    offset: int
    text_line: int
    def __init__(self, line: _Optional[int] = ..., offset: _Optional[int] = ..., text_line: _Optional[int] = ...) -> None: ...
