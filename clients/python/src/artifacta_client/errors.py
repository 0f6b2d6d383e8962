"""The errors that this client raises: a class for each reason of the service, below one for each status code."""

from ._core.errors import *  # noqa: F403
from ._core.errors import __all__ as __all__
