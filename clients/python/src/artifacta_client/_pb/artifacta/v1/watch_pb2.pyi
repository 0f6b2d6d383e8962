from artifacta_client._pb.artifacta.v1 import artifact_pb2 as _artifact_pb2
from artifacta_client._pb.artifacta.v1 import session_pb2 as _session_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchSessionRequest(_message.Message):
    __slots__ = ("session", "after_sequence", "seal_only", "wait_for_open")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    SEAL_ONLY_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_OPEN_FIELD_NUMBER: _ClassVar[int]
    session: str
    after_sequence: int
    seal_only: bool
    wait_for_open: bool
    def __init__(self, session: _Optional[str] = ..., after_sequence: _Optional[int] = ..., seal_only: bool = ..., wait_for_open: bool = ...) -> None: ...

class WatchSessionResponse(_message.Message):
    __slots__ = ("sequence", "time", "committed", "deleted", "sealed", "heartbeat")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    committed: _artifact_pb2.Artifact
    deleted: ArtifactDeleted
    sealed: _session_pb2.Session
    heartbeat: Heartbeat
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., committed: _Optional[_Union[_artifact_pb2.Artifact, _Mapping]] = ..., deleted: _Optional[_Union[ArtifactDeleted, _Mapping]] = ..., sealed: _Optional[_Union[_session_pb2.Session, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class ArtifactDeleted(_message.Message):
    __slots__ = ("artifact_id",)
    ARTIFACT_ID_FIELD_NUMBER: _ClassVar[int]
    artifact_id: str
    def __init__(self, artifact_id: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
