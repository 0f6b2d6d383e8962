from artifacta_client._pb.artifacta.v1 import artifact_pb2 as _artifact_pb2
from artifacta_client._pb.artifacta.v1 import upload_pb2 as _upload_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TicketKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TICKET_KIND_UNSPECIFIED: _ClassVar[TicketKind]
    TICKET_KIND_READ: _ClassVar[TicketKind]
    TICKET_KIND_PREVIEW: _ClassVar[TicketKind]
    TICKET_KIND_ARCHIVE: _ClassVar[TicketKind]
    TICKET_KIND_PUSH: _ClassVar[TicketKind]
TICKET_KIND_UNSPECIFIED: TicketKind
TICKET_KIND_READ: TicketKind
TICKET_KIND_PREVIEW: TicketKind
TICKET_KIND_ARCHIVE: TicketKind
TICKET_KIND_PUSH: TicketKind

class Ticket(_message.Message):
    __slots__ = ("id", "kind", "path", "uri", "local_uri", "expire_time", "size", "digest", "preview_origin")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    LOCAL_URI_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: TicketKind
    path: str
    uri: str
    local_uri: str
    expire_time: _timestamp_pb2.Timestamp
    size: int
    digest: str
    preview_origin: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[TicketKind, str]] = ..., path: _Optional[str] = ..., uri: _Optional[str] = ..., local_uri: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., size: _Optional[int] = ..., digest: _Optional[str] = ..., preview_origin: _Optional[str] = ...) -> None: ...

class PushTarget(_message.Message):
    __slots__ = ("spec", "max_bytes")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    spec: _upload_pb2.ArtifactSpec
    max_bytes: int
    def __init__(self, spec: _Optional[_Union[_upload_pb2.ArtifactSpec, _Mapping]] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class CreateTicketRequest(_message.Message):
    __slots__ = ("kind", "artifact", "session", "push", "ttl", "require_uri")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_URI_FIELD_NUMBER: _ClassVar[int]
    kind: TicketKind
    artifact: _artifact_pb2.ArtifactRef
    session: str
    push: PushTarget
    ttl: _duration_pb2.Duration
    require_uri: bool
    def __init__(self, kind: _Optional[_Union[TicketKind, str]] = ..., artifact: _Optional[_Union[_artifact_pb2.ArtifactRef, _Mapping]] = ..., session: _Optional[str] = ..., push: _Optional[_Union[PushTarget, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., require_uri: bool = ...) -> None: ...

class CreateTicketResponse(_message.Message):
    __slots__ = ("ticket",)
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ticket: Ticket
    def __init__(self, ticket: _Optional[_Union[Ticket, _Mapping]] = ...) -> None: ...
