from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FieldOwner(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIELD_OWNER_UNSPECIFIED: _ClassVar[FieldOwner]
    FIELD_OWNER_ARTIFACT: _ClassVar[FieldOwner]
    FIELD_OWNER_SESSION: _ClassVar[FieldOwner]
FIELD_OWNER_UNSPECIFIED: FieldOwner
FIELD_OWNER_ARTIFACT: FieldOwner
FIELD_OWNER_SESSION: FieldOwner

class ListFieldValuesRequest(_message.Message):
    __slots__ = ("owner", "field", "prefix", "max_values")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUES_FIELD_NUMBER: _ClassVar[int]
    owner: FieldOwner
    field: str
    prefix: str
    max_values: int
    def __init__(self, owner: _Optional[_Union[FieldOwner, str]] = ..., field: _Optional[str] = ..., prefix: _Optional[str] = ..., max_values: _Optional[int] = ...) -> None: ...

class ListFieldValuesResponse(_message.Message):
    __slots__ = ("values", "truncated", "sampled")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    truncated: bool
    sampled: bool
    def __init__(self, values: _Optional[_Iterable[str]] = ..., truncated: bool = ..., sampled: bool = ...) -> None: ...
