"""podman, with what it needs where there is no network to make and limits cannot be raised."""

import os
import subprocess
from pathlib import Path

FLAGS = "--storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime /usr/sbin/runc"


class Podman:
    def __init__(self, directory: Path):
        config = directory / "containers.conf"
        config.write_text("[containers]\ndefault_ulimits = []\n")
        self.environment = {**os.environ, "CONTAINERS_CONF": str(config)}
        self.made: list[str] = []

    def call(self, *args: str, stdin: bytes | None = None, seconds: float = 120) -> subprocess.CompletedProcess[bytes]:
        command = ["podman", *FLAGS.split(), *args]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=seconds, env=self.environment)

    def ask(self, *args: str, stdin: bytes | None = None, seconds: float = 120) -> bytes:
        """What it prints. Raises with what it says if it fails."""
        done = self.call(*args, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            raise RuntimeError(f"podman {' '.join(args)}: {done.returncode}\n{(done.stdout + done.stderr).decode()}")
        return done.stdout

    def start(self, name: str, *args: str) -> None:
        """A container that goes on by itself."""
        self.made.append(name)
        limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]
        self.ask("run", "--detach", "--name", name, *limits, *args)

    def state(self, name: str, what: str) -> str:
        return self.ask("inspect", name, "--format", f"{{{{.State.{what}}}}}").decode().strip()

    def remove(self, name: str) -> None:
        self.call("rm", "--force", "--time", "0", name)
        self.made.remove(name)

    def remove_all(self) -> None:
        for name in reversed(self.made.copy()):
            self.remove(name)
