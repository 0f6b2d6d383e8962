from artifacta_client._pb.artifacta.v1 import api_key_pb2 as _api_key_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Caller(_message.Message):
    __slots__ = ("subject", "namespace", "scopes", "is_operator", "expire_time", "sessions", "session_prefixes", "name_prefix", "max_push_bytes", "max_artifact_bytes")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    IS_OPERATOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    SESSION_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MAX_PUSH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    subject: str
    namespace: str
    scopes: _containers.RepeatedScalarFieldContainer[_api_key_pb2.Scope]
    is_operator: bool
    expire_time: _timestamp_pb2.Timestamp
    sessions: _containers.RepeatedScalarFieldContainer[str]
    session_prefixes: _containers.RepeatedScalarFieldContainer[str]
    name_prefix: str
    max_push_bytes: int
    max_artifact_bytes: int
    def __init__(self, subject: _Optional[str] = ..., namespace: _Optional[str] = ..., scopes: _Optional[_Iterable[_Union[_api_key_pb2.Scope, str]]] = ..., is_operator: bool = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., sessions: _Optional[_Iterable[str]] = ..., session_prefixes: _Optional[_Iterable[str]] = ..., name_prefix: _Optional[str] = ..., max_push_bytes: _Optional[int] = ..., max_artifact_bytes: _Optional[int] = ...) -> None: ...
