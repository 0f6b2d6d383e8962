from artifacta_client._pb.artifacta.v1 import outcome_pb2 as _outcome_pb2
from artifacta_client._pb.artifacta.v1 import retention_pb2 as _retention_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATE_UNSPECIFIED: _ClassVar[SessionState]
    SESSION_STATE_OPEN: _ClassVar[SessionState]
    SESSION_STATE_SEALING: _ClassVar[SessionState]
    SESSION_STATE_SEALED: _ClassVar[SessionState]
SESSION_STATE_UNSPECIFIED: SessionState
SESSION_STATE_OPEN: SessionState
SESSION_STATE_SEALING: SessionState
SESSION_STATE_SEALED: SessionState

class Session(_message.Message):
    __slots__ = ("id", "uid", "state", "outcome", "metadata", "labels", "create_time", "update_time", "seal_time", "expire_time", "artifact_count", "size_bytes", "hold_count", "last_sequence", "expected_outputs", "missing_outputs", "retention", "kept", "lease", "manifest", "etag")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEAL_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOLD_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    MISSING_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    uid: str
    state: SessionState
    outcome: _outcome_pb2.SessionOutcome
    metadata: _containers.ScalarMap[str, str]
    labels: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    seal_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    artifact_count: int
    size_bytes: int
    hold_count: int
    last_sequence: int
    expected_outputs: _containers.RepeatedScalarFieldContainer[str]
    missing_outputs: _containers.RepeatedScalarFieldContainer[str]
    retention: _retention_pb2.Retention
    kept: bool
    lease: Lease
    manifest: Manifest
    etag: str
    def __init__(self, id: _Optional[str] = ..., uid: _Optional[str] = ..., state: _Optional[_Union[SessionState, str]] = ..., outcome: _Optional[_Union[_outcome_pb2.SessionOutcome, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., seal_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., artifact_count: _Optional[int] = ..., size_bytes: _Optional[int] = ..., hold_count: _Optional[int] = ..., last_sequence: _Optional[int] = ..., expected_outputs: _Optional[_Iterable[str]] = ..., missing_outputs: _Optional[_Iterable[str]] = ..., retention: _Optional[_Union[_retention_pb2.Retention, _Mapping]] = ..., kept: bool = ..., lease: _Optional[_Union[Lease, _Mapping]] = ..., manifest: _Optional[_Union[Manifest, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("duration", "expire_time")
    DURATION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    duration: _duration_pb2.Duration
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, duration: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("sha256", "size_bytes", "line_count")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    LINE_COUNT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    line_count: int
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., line_count: _Optional[int] = ...) -> None: ...
