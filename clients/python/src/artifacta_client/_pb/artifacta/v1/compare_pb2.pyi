from artifacta_client._pb.artifacta.v1 import artifact_pb2 as _artifact_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DifferenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIFFERENCE_KIND_UNSPECIFIED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_ADDED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_REMOVED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_CONTENT: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_METADATA: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_NONE: _ClassVar[DifferenceKind]
DIFFERENCE_KIND_UNSPECIFIED: DifferenceKind
DIFFERENCE_KIND_ADDED: DifferenceKind
DIFFERENCE_KIND_REMOVED: DifferenceKind
DIFFERENCE_KIND_CONTENT: DifferenceKind
DIFFERENCE_KIND_METADATA: DifferenceKind
DIFFERENCE_KIND_NONE: DifferenceKind

class CompareSessionsRequest(_message.Message):
    __slots__ = ("base_session", "session", "show_unchanged", "page_size", "page_token")
    BASE_SESSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SHOW_UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    base_session: str
    session: str
    show_unchanged: bool
    page_size: int
    page_token: str
    def __init__(self, base_session: _Optional[str] = ..., session: _Optional[str] = ..., show_unchanged: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class CompareSessionsResponse(_message.Message):
    __slots__ = ("differences", "next_page_token")
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    differences: _containers.RepeatedCompositeFieldContainer[SessionDifference]
    next_page_token: str
    def __init__(self, differences: _Optional[_Iterable[_Union[SessionDifference, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SessionDifference(_message.Message):
    __slots__ = ("name", "kind", "base", "compared")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: DifferenceKind
    base: _artifact_pb2.Artifact
    compared: _artifact_pb2.Artifact
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[DifferenceKind, str]] = ..., base: _Optional[_Union[_artifact_pb2.Artifact, _Mapping]] = ..., compared: _Optional[_Union[_artifact_pb2.Artifact, _Mapping]] = ...) -> None: ...
