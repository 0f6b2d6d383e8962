from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class SessionOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_OUTCOME_UNSPECIFIED: _ClassVar[SessionOutcome]
    SESSION_OUTCOME_SUCCEEDED: _ClassVar[SessionOutcome]
    SESSION_OUTCOME_FAILED: _ClassVar[SessionOutcome]
    SESSION_OUTCOME_CANCELLED: _ClassVar[SessionOutcome]
    SESSION_OUTCOME_ABANDONED: _ClassVar[SessionOutcome]
SESSION_OUTCOME_UNSPECIFIED: SessionOutcome
SESSION_OUTCOME_SUCCEEDED: SessionOutcome
SESSION_OUTCOME_FAILED: SessionOutcome
SESSION_OUTCOME_CANCELLED: SessionOutcome
SESSION_OUTCOME_ABANDONED: SessionOutcome
