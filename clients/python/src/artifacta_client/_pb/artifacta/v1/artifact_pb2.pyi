from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExpirySource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPIRY_SOURCE_UNSPECIFIED: _ClassVar[ExpirySource]
    EXPIRY_SOURCE_NONE: _ClassVar[ExpirySource]
    EXPIRY_SOURCE_ARTIFACT: _ClassVar[ExpirySource]
    EXPIRY_SOURCE_SESSION_POLICY: _ClassVar[ExpirySource]
EXPIRY_SOURCE_UNSPECIFIED: ExpirySource
EXPIRY_SOURCE_NONE: ExpirySource
EXPIRY_SOURCE_ARTIFACT: ExpirySource
EXPIRY_SOURCE_SESSION_POLICY: ExpirySource

class Artifact(_message.Message):
    __slots__ = ("id", "session", "name", "version", "sha256", "size_bytes", "content_type", "metadata", "inherited_metadata_keys", "labels", "inputs", "create_time", "expire_time", "expiry_source", "hold", "sequence", "latest", "etag")
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
    SESSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    INHERITED_METADATA_KEYS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    id: str
    session: str
    name: str
    version: int
    sha256: str
    size_bytes: int
    content_type: str
    metadata: _containers.ScalarMap[str, str]
    inherited_metadata_keys: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    expiry_source: ExpirySource
    hold: bool
    sequence: int
    latest: bool
    etag: str
    def __init__(self, id: _Optional[str] = ..., session: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., content_type: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., inherited_metadata_keys: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., inputs: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expiry_source: _Optional[_Union[ExpirySource, str]] = ..., hold: bool = ..., sequence: _Optional[int] = ..., latest: bool = ..., etag: _Optional[str] = ...) -> None: ...

class ArtifactRef(_message.Message):
    __slots__ = ("id", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: ArtifactName
    def __init__(self, id: _Optional[str] = ..., name: _Optional[_Union[ArtifactName, _Mapping]] = ...) -> None: ...

class ArtifactName(_message.Message):
    __slots__ = ("session", "name", "version")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    name: str
    version: int
    def __init__(self, session: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...
