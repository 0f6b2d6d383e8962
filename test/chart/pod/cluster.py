"""What outlives a pod: volumes and Secrets. And what is done in it, as operators and callers do it."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chart import documents, one, render  # noqa: E402
from pod import Pod, Tree  # noqa: E402
from podman import Podman  # noqa: E402

NAME, NAMESPACE = "store", "agents"
HOST = f"{NAME}-artifacta.{NAMESPACE}.svc.cluster.local"


def must(condition: bool, text: str, more: object = "") -> None:
    if not condition:
        raise AssertionError(f"{text}\n{more}")


class Cluster:
    """`objects` are Secrets and ConfigMaps, by kind and name, that are there before the chart is installed."""

    def __init__(self, podman: Podman, directory: Path):
        self.podman, self.directory = podman, directory
        self.claims: dict[str, Path] = {}
        self.objects: dict[tuple[str, str], dict[str, str]] = {}
        self.pods = 0

    def claim(self, name: str) -> Path:
        """A volume that is made when it is first asked for."""
        if name not in self.claims:
            self.claims[name] = self.directory / "claims" / name
            self.claims[name].mkdir(parents=True)
            # As in a file system of its own.
            (self.claims[name] / "lost+found").mkdir(mode=0o700)
        return self.claims[name]

    def install(self, image: str, values: Tree) -> tuple[Pod, Pod]:
        """The pod of the service, which is ready, and that of `helm test`, which is not yet started."""
        pod, test = self.begin(image, values)
        pod.wait_for(pod.by_name("artifacta"), "readinessProbe")
        return pod, test

    def begin(self, image: str, values: Tree) -> tuple[Pod, Pod]:
        """The same, but it is only alive."""
        repository, tag = image.rsplit(":", 1)
        files = render({**values, "image": {"repository": repository, "tag": tag}}, NAME, NAMESPACE)
        rendered = [item for item in documents(files) if item["kind"] == "ConfigMap"]
        objects = {**self.objects, **{("configMap", item["metadata"]["name"]): item["data"] for item in rendered}}
        spec = one(files, "StatefulSet")["spec"]
        names = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
        claims = {name: self.claim(name) for name in names}
        self.pods += 1
        name = f"chart-{os.getpid()}-{self.pods}"
        pod = Pod(self.podman, name, spec["template"]["spec"], self.directory, claims, objects)
        pod.start([HOST, f"{NAME}-artifacta"])
        test = Pod(self.podman, f"{name}-test", one(files, "Pod")["spec"], self.directory, {}, objects)
        test.share_network(pod)
        return pod, test


def as_caller(token: str) -> list[str]:
    return ["--env", f"ARTIFACTA_URL=grpc://{HOST}:50051", "--env", f"ARTIFACTA_TOKEN={token}"]


def artifacta(pod: Pod, *args: str, token: str | None = None, stdin: bytes | None = None) -> bytes:
    """A command where the service runs: as an operator by the socket, or with a token over the network."""
    flags = ["--interactive"] if stdin is not None else []
    if token is not None:
        flags += as_caller(token)
    return pod.podman.ask("exec", *flags, f"{pod.name}-artifacta", "artifacta", *args, stdin=stdin)


def key(pod: Pod) -> str:
    """Made by an operator, with `exec`."""
    artifacta(pod, "namespace", "create", "billing")
    made = json.loads(artifacta(pod, "keys", "create", "--namespace", "billing", "--scope", "read,write", "--json"))
    return next(value for value in made.values() if isinstance(value, str) and value.startswith("ark_"))


def helm_test(test: Pod) -> tuple[int, str]:
    """Its exit code, and what it says."""
    [container] = test.spec["containers"]
    test.launch(container)
    name = test.container_name(container)
    test.podman.ask("wait", name)
    return int(test.podman.state(name, "ExitCode")), test.logs(container)


def must_pass(test: Pod) -> None:
    code, said = helm_test(test)
    must(code == 0 and "pushed, found, pulled and compared" in said, f"helm test ended with {code}", said)


def figure(pod: Pod, port: int, name: str) -> float:
    """From where Prometheus scrapes; 0 for one that is not there yet."""
    script = f"fetch('http://127.0.0.1:{port}/metrics').then((r) => r.text()).then(console.log)"
    text = pod.inside("node", "-e", script).stdout.decode()
    return float(next((line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith(name)), 0))


def wait_for_pass(pod: Pod) -> None:
    """Of the reaper, through the socket that it shares with the service."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        if figure(pod, 9091, "artifacta_reaper_last_success_timestamp_seconds") > 0:
            return
        if pod.podman.state(pod.container_name(pod.by_name("reaper")), "Running") != "true":
            break
        time.sleep(0.5)
    raise AssertionError(f"the reaper has made no pass\n{pod.logs(pod.by_name('reaper'))}")


def kill_and_restart(pod: Pod) -> None:
    """The service alone, as when it runs out of memory; the rest of the pod goes on."""
    container = pod.by_name("artifacta")
    pod.podman.ask("kill", "--signal", "KILL", pod.container_name(container))
    pod.podman.ask("wait", pod.container_name(container))
    pod.launch(container)
    pod.wait_for(container, "startupProbe")
    pod.wait_for(container, "readinessProbe")
    must(pod.probe(container, container["livenessProbe"]) == "", "it is not alive")


def end(pod: Pod, test: Pod) -> float:
    """Stops and deletes both. Returns the seconds that stopping took."""
    begun = time.monotonic()
    codes: dict[str, Any] = pod.stop()
    took = time.monotonic() - begun
    must(codes == {"artifacta": 0, "reaper": 0}, "it did not end by itself", codes)
    test.delete()
    pod.delete()
    return took
