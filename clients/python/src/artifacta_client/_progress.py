"""Progress: a function of the caller, or a bar of tqdm if that is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core.pushing import OnProgress
from ._core.records import Progress

Progressing = bool | OnProgress | None
"""How to show progress: a function that gets a `Progress` after each piece, or True for a bar of tqdm."""


class Shown:
    """What is shown of one push or pull; `close` ends it."""

    def __init__(self, progress: Progressing, title: str) -> None:
        self.on_progress: OnProgress | None = None
        self._close: Callable[[], None] = lambda: None
        if callable(progress):
            self.on_progress = progress
        elif progress:
            self._show(title)

    def close(self) -> None:
        self._close()

    def _show(self, title: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return
        bar: Any = None
        phase = ""

        def tell(progress: Progress) -> None:
            nonlocal bar, phase
            if bar is None or progress.phase != phase or progress.bytes < bar.n:
                close()
                phase = progress.phase
                bar = tqdm(total=progress.total, unit="B", unit_scale=True, unit_divisor=1024, desc=f"{title}: {phase}")
            bar.update(progress.bytes - bar.n)

        def close() -> None:
            if bar is not None:
                bar.close()

        self.on_progress, self._close = tell, close
