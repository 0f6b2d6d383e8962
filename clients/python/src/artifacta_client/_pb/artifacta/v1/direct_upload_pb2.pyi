from artifacta_client._pb.artifacta.v1 import upload_pb2 as _upload_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BeginDirectUploadRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _upload_pb2.ArtifactSpec
    def __init__(self, spec: _Optional[_Union[_upload_pb2.ArtifactSpec, _Mapping]] = ...) -> None: ...

class BeginDirectUploadResponse(_message.Message):
    __slots__ = ("upload", "existing")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    EXISTING_FIELD_NUMBER: _ClassVar[int]
    upload: DirectUpload
    existing: _upload_pb2.UploadArtifactResponse
    def __init__(self, upload: _Optional[_Union[DirectUpload, _Mapping]] = ..., existing: _Optional[_Union[_upload_pb2.UploadArtifactResponse, _Mapping]] = ...) -> None: ...

class DirectUpload(_message.Message):
    __slots__ = ("uri", "upload_token", "expire_time")
    URI_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    uri: str
    upload_token: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, uri: _Optional[str] = ..., upload_token: _Optional[str] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FinishDirectUploadRequest(_message.Message):
    __slots__ = ("upload_token",)
    UPLOAD_TOKEN_FIELD_NUMBER: _ClassVar[int]
    upload_token: str
    def __init__(self, upload_token: _Optional[str] = ...) -> None: ...

class FinishDirectUploadResponse(_message.Message):
    __slots__ = ("checked_bytes", "committed")
    CHECKED_BYTES_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    checked_bytes: int
    committed: _upload_pb2.UploadArtifactResponse
    def __init__(self, checked_bytes: _Optional[int] = ..., committed: _Optional[_Union[_upload_pb2.UploadArtifactResponse, _Mapping]] = ...) -> None: ...
