"""The examples of a page of docs/, run as programs of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import COMMAND, ROOT, clean_environment


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def examples(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def ran(code: str, data_dir: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs an example against a data directory, with the command of this checkout on the PATH."""
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        env=clean_environment(ARTIFACTA_DATA_DIR=str(data_dir), PATH=path, **environment),
        check=False,
        timeout=120,
    )
