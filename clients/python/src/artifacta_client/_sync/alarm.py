"""One thread that gives up streams on which nothing arrives in time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Deadline:
    """A time that may be moved, and what happens when it comes."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.at: float | None = None
        """None: it never comes."""
        self.noted: float | None = None
        """When the alarm looks at it next. None: it does not."""


class Alarm:
    """Calls what has a deadline when it comes. Moving a deadline later costs nothing: the thread looks again then."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._waiting: list[tuple[float, int, Deadline]] = []
        self._count = itertools.count()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def set(self, deadline: Deadline, at: float | None) -> None:
        """Moves the deadline."""
        deadline.at = at
        if at is None or (deadline.noted is not None and deadline.noted <= at):
            return
        with self._lock:
            deadline.noted = at
            heapq.heappush(self._waiting, (at, next(self._count), deadline))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="artifacta-alarm", daemon=True)
                self._thread.start()
            self._lock.notify()

    def close(self) -> None:
        """Ends the thread."""
        with self._lock:
            self._is_over = True
            self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._is_over:
                    return
                now = time.monotonic()
                if not self._waiting or self._waiting[0][0] > now:
                    self._lock.wait(self._waiting[0][0] - now if self._waiting else None)
                    continue
                noted, _, deadline = heapq.heappop(self._waiting)
                if deadline.noted != noted:
                    continue
                deadline.noted = None
                at = deadline.at
            if at is not None and at > now:
                self.set(deadline, at)
            elif at is not None:
                deadline.at = None
                deadline.act()
