"""
Runs the pod that the chart renders, by podman: `main.py IMAGE [EARLIER]`. It is pushed to, killed, stopped, run by
another user, restored, and, with an image of an earlier commit, upgraded from that with its data. It prints what went
well.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import (
    Cluster,
    artifacta,
    as_caller,
    end,
    helm_test,
    key,
    kill_and_restart,
    must,
    must_pass,
    wait_for_pass,
)
from pod import Pod, Tree
from podman import Podman

from chart import ROOT  # Found since cluster.py says where.

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
# As an agent's pod has it from SPIRE, or from cert-manager's driver.
SPIFFE = "spiffe://cluster.local/ns/billing/sa/agent"


def say(text: str) -> None:
    print(text, flush=True)


def push(pod: Pod, token: str) -> None:
    sent = artifacta(pod, "push", "-", "--session", "kept", "--name", "a.bin", "--json", token=token, stdin=CONTENT)
    must(json.loads(sent)["sha256"] == SHA256, "other bytes were stored", sent)


def has_it(pod: Pod, token: str) -> None:
    must(artifacta(pod, "cat", "kept/a.bin", token=token) == CONTENT, "what was acknowledged is not there")


def exports(cluster: Cluster) -> list[Path]:
    return list((cluster.claims["exports"] / "exports").glob("*.index"))


def lifecycle(cluster: Cluster, image: str, earlier: str | None) -> None:
    """One volume, from its first pod to another user's."""
    # Earlier images take no units.
    values: Tree = {"exports": {"enabled": True}, "reaper": {"scrubBytesPerSecond": 4194304}}
    begun = time.monotonic()
    pod, test = cluster.install(earlier or image, values)
    say(f"started: ready in {time.monotonic() - begun:.1f} s, {earlier or image}")
    token = key(pod)
    push(pod, token)
    say(f"first push after {time.monotonic() - begun:.1f} s: rendered, started, a key made by exec, pushed")
    code, said = helm_test(test)
    must(code != 0 and "test.token.existingSecret" in said, "a test without a key passes", said)
    wait_for_pass(pod)
    must(exports(cluster) != [], "there is no export")
    must(len(artifacta(pod, "export", "-")) > 0, "an export by exec is empty")
    say("the reaper has passed, and exported the index")
    kill_and_restart(pod)
    has_it(pod, token)
    say("killed: restarted beside the same reaper, what was acknowledged is there")
    say(f"stopped: the service, then the reaper, in {end(pod, test):.1f} s")

    cluster.objects["secret", "test-key"] = {"token": token}
    values |= {"test": {"token": {"existingSecret": "test-key"}}}
    pod, test = cluster.install(image, {**values, "probes": {"type": "grpc"}})
    has_it(pod, token)
    must_pass(test)
    end(pod, test)
    say(f"{f'upgraded to {image}' if earlier else 'another pod'}: the data is there, probed by gRPC; helm test passed")

    another = {"runAsUser": 1000680000, "runAsGroup": None, "fsGroup": 1000680000}
    # The first export may be older than the key: there is one an hour.
    for path in exports(cluster):
        path.unlink()
    pod, test = cluster.install(image, {**values, "podSecurityContext": another})
    has_it(pod, token)
    push(pod, token)
    wait_for_pass(pod)
    must(exports(cluster) != [], "there is no other export")
    end(pod, test)
    say("another user, such as OpenShift gives: the same data, pushed to and reaped")
    restore(cluster, image, values)


def steps() -> list[list[str]]:
    """What docs/kubernetes.md has operators say in the pod, to restore an export."""
    page = (ROOT / "docs/kubernetes.md").read_text()
    block = page.split("<!-- restore -->")[1].split("<!-- /restore -->")[0]
    return [shlex.split(line.split(" -- ", 1)[1]) for line in block.strip().splitlines()]


def restore(cluster: Cluster, image: str, values: Tree) -> None:
    """Of an export and the contents, to an empty volume, as the page says."""
    token = cluster.objects["secret", "test-key"]["token"]
    before = cluster.claims.pop("data").rename(cluster.directory / "claims" / "data-before")
    shutil.copytree(before / "blobs", cluster.claim("data") / "blobs")
    pod, test = cluster.begin(image, values)
    service = pod.by_name("artifacta")
    must(pod.probe(service, service["livenessProbe"]) == "", "it is not alive without an index")
    must("recovery" in pod.probe(service, service["readinessProbe"]), "it is ready without an index")
    listing, load, check, keys, resume = steps()
    said: dict[str, str] = {}

    def operator(command: list[str]) -> str:
        filled = [said.get(word, word.replace("TIME", said.get("TIME", "TIME"))) for word in command]
        done = pod.podman.call("exec", f"{pod.name}-artifacta", *filled)
        must(done.returncode == 0 or command == check, " ".join(filled), done.stderr.decode())
        return done.stdout.decode() + done.stderr.decode()

    said["TIME"] = operator(listing).split()[-1].removesuffix(".index")
    operator(load)
    pod.wait_for(service, "readinessProbe")
    found = re.search(r"imported-\S+?(?=[\s:,]|$)", operator(check))
    must(found is not None, "the check does not say what waits")
    said["ID"] = found[0]
    must("key_" in operator(keys), "the key did not come with the export")
    refused = pod.podman.call("exec", *as_caller(token), f"{pod.name}-artifacta", "artifacta", "ls")
    must(refused.returncode == 5, "a key that may have been revoked answers", refused.stderr)
    operator(resume)
    has_it(pod, token)
    end(pod, test)
    say("restored: an export and the contents, on an empty volume, by the commands of docs/kubernetes.md")


def openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)


def certificate(directory: Path, name: str, alternative: str) -> dict[str, str]:
    """By the authority in that directory, as Secrets of the type kubernetes.io/tls hold it."""
    ca, key_file, cert = (str(directory / file) for file in ("ca", f"{name}.key", f"{name}.crt"))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    if not Path(f"{ca}.crt").exists():
        openssl("req", "-x509", *new_key, "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-subj", "/CN=authority")
    signed = ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-addext", f"subjectAltName={alternative}"]
    openssl("req", "-x509", *new_key, *signed, "-keyout", key_file, "-out", cert, "-subj", f"/CN={name}")
    files = {"tls.crt": cert, "tls.key": key_file, "ca.crt": f"{ca}.crt"}
    return {key: Path(path).read_text() for key, path in files.items()}


def over_tls(cluster: Cluster, image: str) -> None:
    """Clients known by their certificates, all files from Secrets and ConfigMaps."""
    rule = {"spiffe": "spiffe://cluster.local/ns/{namespace}/sa/*", "scopes": ["read", "write"]}
    host = "store-artifacta.agents.svc.cluster.local"
    served = certificate(cluster.directory, "service", f"DNS:{host}")
    cluster.objects |= {
        ("secret", "store-tls"): served,
        ("secret", "agent"): certificate(cluster.directory, "agent", f"URI:{SPIFFE}"),
        ("configMap", "authorities"): {"ca.crt": served["ca.crt"]},
        ("secret", "store-auth"): {"auth.json": json.dumps({"certificates": [rule]})},
    }
    values: Tree = {
        "auth": {"config": {"existingSecret": "store-auth"}},
        "tls": {"existingSecret": "store-tls", "clientCa": {"existingConfigMap": "authorities"}},
        "test": {"clientCertificate": {"existingSecret": "agent"}},
    }
    pod, test = cluster.install(image, values)
    artifacta(pod, "namespace", "create", "billing")
    must_pass(test)
    end(pod, test)
    say(f"over TLS: helm test passed as {SPIFFE}")


def passing(cluster: Cluster, image: str) -> None:
    """Without a claim: in an emptyDir, whose root is open to all."""
    pod, test = cluster.install(image, {"persistence": {"enabled": False}, "auth": {"enabled": False}})
    must_pass(test)
    end(pod, test)
    say("without a claim and without authentication: helm test passed")


def main(image: str, earlier: str | None = None) -> None:
    with tempfile.TemporaryDirectory(prefix="artifacta-chart-") as directory:
        podman = Podman(Path(directory))

        def cluster(name: str) -> Cluster:
            (Path(directory) / name).mkdir()
            return Cluster(podman, Path(directory) / name)

        try:
            lifecycle(cluster("lifecycle"), image, earlier)
            over_tls(cluster("tls"), image)
            passing(cluster("passing"), image)
        finally:
            podman.remove_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
