"""
A pod as the chart renders it, by podman: native sidecars start first and stop last, an emptyDir is a directory open to
all, a claim one of root's, fsGroup is given to both, probes are polled, and the containers share a network that has
loopback only. What this does not know of a pod it refuses, rather than leave it out.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from podman import Podman

Tree = dict[str, Any]

PROBE = Path(__file__).with_name("probe.mjs")
# What is mapped, and what means nothing on one machine with nobody else.
POD = {"containers", "initContainers", "volumes", "securityContext", "terminationGracePeriodSeconds", "restartPolicy"}
POD |= {"serviceAccountName", "automountServiceAccountToken", "enableServiceLinks"}
CONTAINER = {"name", "image", "command", "args", "env", "ports", "resources", "securityContext", "volumeMounts"}
CONTAINER |= {"imagePullPolicy", "restartPolicy", "startupProbe", "livenessProbe", "readinessProbe"}


class Pod:
    """`objects` are Secrets and ConfigMaps by kind and name; `claims` directories by the names of volumes."""

    def __init__(self, podman: Podman, name: str, spec: Tree, directory: Path, claims: dict[str, Path], objects: Tree):
        unknown = set(spec) - POD
        for container in spec["containers"] + spec.get("initContainers", []):
            unknown |= set(container) - CONTAINER
        if unknown:
            raise NotImplementedError(f"nothing maps {sorted(unknown)}")
        self.podman, self.name, self.spec, self.objects = podman, name, spec, objects
        self.directory = directory / name
        self.security = spec["securityContext"]
        self.volumes = {volume["name"]: self.volume(volume) for volume in spec.get("volumes", [])} | claims
        for path in claims.values():
            self.give_to_group(path)
        self.network = f"{name}-network"
        self.hosts = self.directory / "hosts"

    def share_network(self, other: "Pod") -> None:
        """There is one network for all pods, and names lead to the service."""
        self.network, self.hosts = other.network, other.hosts

    # Volumes

    def volume(self, volume: Tree) -> Path:
        path = self.directory / volume["name"]
        path.mkdir(parents=True)
        if "emptyDir" in volume:
            path.chmod(0o777)
            self.give_to_group(path)
            return path
        kind = next(kind for kind in ("secret", "configMap") if kind in volume)
        source = volume[kind]
        files = self.objects[kind, source.get("secretName") or source["name"]]
        wanted = {item["key"]: item["path"] for item in source.get("items", [])} or {key: key for key in files}
        for key, name in wanted.items():
            (path / name).write_text(files[key])
            (path / name).chmod(source.get("defaultMode", 0o644))
            os.chown(path / name, 0, self.security.get("fsGroup", 0))
        return path

    def give_to_group(self, root: Path) -> None:
        """As the kubelet does: with OnRootMismatch everything below is left alone where the root is right."""
        group = self.security.get("fsGroup")
        if group is None:
            return
        stat = root.stat()
        if stat.st_gid == group and stat.st_mode & 0o2770 == 0o2770:
            return
        for path in [root, *root.rglob("*")]:
            os.chown(path, -1, group, follow_symlinks=False)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o2770 if path.is_dir() else 0o660))

    # Containers

    def variables(self, container: Tree) -> list[str]:
        flags = []
        for variable in container["env"]:
            value = variable.get("value")
            if value is None:
                reference = variable["valueFrom"]["secretKeyRef"]
                value = self.objects["secret", reference["name"]][reference["key"]]
            flags += ["--env", f"{variable['name']}={value}"]
        return flags

    def flags(self, container: Tree) -> list[str]:
        security = container["securityContext"]
        flags = ["--network", f"container:{self.network}", "--volume", f"{self.hosts}:/etc/hosts:ro"]
        if security["readOnlyRootFilesystem"]:
            # podman would mount some directories that can be written to.
            flags += ["--read-only", "--read-only-tmpfs=false"]
        flags += [f"--cap-drop={capability}" for capability in security["capabilities"]["drop"]]
        if not security["allowPrivilegeEscalation"]:
            flags += ["--security-opt", "no-new-privileges"]
        user = self.security.get("runAsUser")
        if user is not None:
            flags += ["--user", f"{user}:{self.security.get('runAsGroup', 0)}"]
        if "fsGroup" in self.security:
            flags += ["--group-add", str(self.security["fsGroup"])]
        memory = container.get("resources", {}).get("limits", {}).get("memory")
        if memory:
            flags += ["--memory", memory.replace("Gi", "g").replace("Mi", "m")]
        for mount in container["volumeMounts"]:
            if set(mount) - {"name", "mountPath", "readOnly"}:
                raise NotImplementedError(f"nothing maps {mount}")
            read_only = ":ro" if mount.get("readOnly") else ""
            flags += ["--volume", f"{self.volumes[mount['name']]}:{mount['mountPath']}{read_only}"]
        if "command" in container:
            flags += ["--entrypoint", json.dumps(container["command"])]
        return flags + self.variables(container)

    def container_name(self, container: Tree) -> str:
        return f"{self.name}-{container['name']}"

    def launch(self, container: Tree) -> None:
        name = self.container_name(container)
        if name in self.podman.made:
            self.podman.remove(name)
        self.podman.start(name, *self.flags(container), container["image"], *container.get("args", []))

    def start(self, names: list[str]) -> None:
        """Until all have started. `names` of hosts are those of this pod."""
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ["localhost", *names]))
        image = self.spec["containers"][0]["image"]
        waiting = ["--entrypoint", json.dumps(["node", "-e", "setInterval(() => {}, 2 ** 30)"])]
        self.podman.start(self.network, "--network", "none", *waiting, image)
        for container in self.spec.get("initContainers", []):
            if container.get("restartPolicy") != "Always":
                raise NotImplementedError("nothing maps an init container that ends")
            self.launch(container)
            self.wait_for(container, "startupProbe")
        for container in self.spec["containers"]:
            self.launch(container)
        for container in self.spec["containers"]:
            self.wait_for(container, "startupProbe")

    def by_name(self, name: str) -> Tree:
        every = self.spec["containers"] + self.spec.get("initContainers", [])
        return next(container for container in every if container["name"] == name)

    def wait_for(self, container: Tree, probe: str) -> None:
        if probe not in container:
            return
        wanted = container[probe]
        deadline = time.monotonic() + wanted["periodSeconds"] * wanted["failureThreshold"]
        said = ""
        while time.monotonic() < deadline:
            said = self.probe(container, wanted)
            if said == "":
                return
            if self.podman.state(self.container_name(container), "Running") != "true":
                break
            time.sleep(0.2)
        raise RuntimeError(f"{container['name']}: {probe}: {said}\n{self.logs(container)}")

    def probe(self, container: Tree, probe: Tree) -> str:
        """Empty if it succeeds, else why not."""
        if "grpc" in probe:
            asked = ["grpc", str(probe["grpc"]["port"]), probe["grpc"].get("service", "")]
        else:
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            asked = ["http", str(ports[probe["httpGet"]["port"]]), probe["httpGet"]["path"]]
        done = self.inside("node", str(PROBE), *asked, str(probe.get("timeoutSeconds", 1)))
        return "" if done.returncode == 0 else done.stderr.decode() or done.stdout.decode()

    def inside(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """A program of this machine in the network of the pod."""
        pid = self.podman.state(self.network, "Pid")
        return subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", *command], capture_output=True, timeout=60)

    def logs(self, container: Tree) -> str:
        done = self.podman.call("logs", self.container_name(container))
        return (done.stdout + done.stderr).decode()

    # Its end

    def stop(self) -> dict[str, int]:
        """SIGTERM to the containers, and when they have ended to the sidecars. Exit codes, by container."""
        seconds = self.spec["terminationGracePeriodSeconds"]
        codes = {}
        for container in [*self.spec["containers"], *reversed(self.spec.get("initContainers", []))]:
            name = self.container_name(container)
            begun = time.monotonic()
            self.podman.ask("stop", "--time", str(int(seconds)), name, seconds=seconds + 60)
            seconds -= time.monotonic() - begun
            codes[container["name"]] = int(self.podman.state(name, "ExitCode"))
        return codes

    def delete(self) -> None:
        """With what is in its emptyDirs."""
        for name in [name for name in self.podman.made if name.startswith(f"{self.name}-")][::-1]:
            self.podman.remove(name)
        shutil.rmtree(self.directory)
