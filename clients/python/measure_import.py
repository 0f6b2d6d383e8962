"""Measures what imports cost, in milliseconds of processor time of a whole process, without the interpreter's own.

    measure_import.py [--runs N] [--fail-above RATIO]

With `--fail-above`, the end is 1 if `import artifacta_client` costs more than RATIO times `import grpc`.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "src"
IMPORTS = ("import grpc", "import artifacta_client", "from artifacta_client import connect", "import pandas")


def cost(code: str) -> float:
    """Returns the processor time of one process, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1_000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--fail-above", type=float)
    given = parser.parse_args()
    # In turns, so that what else the machine does meets all alike. The first turn compiles.
    costs: dict[str, list[float]] = {code: [] for code in ("pass", *IMPORTS)}
    for _ in range(given.runs + 1):
        for code, measured in costs.items():
            try:
                measured.append(cost(code))
            except subprocess.CalledProcessError:
                measured.append(float("nan"))
    bare = statistics.median(costs["pass"][1:])
    found = {code: statistics.median(costs[code][1:]) - bare for code in IMPORTS}
    for code, milliseconds in found.items():
        print(f"{code}: {milliseconds:.0f} ms, {milliseconds / found['import grpc']:.2f} of import grpc")
    ratio = found["import artifacta_client"] / found["import grpc"]
    return 1 if given.fail_above is not None and ratio > given.fail_above else 0


if __name__ == "__main__":
    sys.exit(main())
