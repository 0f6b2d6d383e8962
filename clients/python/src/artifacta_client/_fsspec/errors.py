"""The errors of the service as those that users of files expect."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from .. import errors

_NUMBERS: tuple[tuple[type[errors.ArtifactaError], int], ...] = (
    (errors.NotFound, errno.ENOENT),
    (errors.SessionMustExist, errno.ENOENT),
    (errors.PermissionDenied, errno.EACCES),
    (errors.Unauthenticated, errno.EACCES),
    (errors.SessionSealed, errno.EPERM),
    (errors.SessionGone, errno.EPERM),
    (errors.ArtifactHeld, errno.EPERM),
    (errors.ArtifactTooLarge, errno.EFBIG),
    (errors.QuotaExceeded, errno.EDQUOT),
    (errors.StorageFull, errno.ENOSPC),
    (errors.DataLoss, errno.EIO),
)


@contextmanager
def as_of_files(path: str, *, reading: bool = False) -> Iterator[None]:
    """Raises FileNotFoundError, PermissionError or another OSError for an error of the service, which is its cause.

    Errors without a counterpart stay: `InvalidArgument` is a ValueError, `Unavailable` a ConnectionError,
    `DeadlineExceeded` a TimeoutError. `reading`: a path that nothing can have is one where nothing is.
    """
    try:
        yield
    except errors.ArtifactaError as error:
        for kind, number in _NUMBERS:
            if isinstance(error, kind):
                raise OSError(number, error.message, path) from error
        if reading and isinstance(error, errors.InvalidArgument):
            raise FileNotFoundError(errno.ENOENT, error.message, path) from error
        raise
