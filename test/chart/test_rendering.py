"""Whatever the values, what comes out is what Kubernetes takes, and a pod that may do little."""

import json
import re

import helm_python
import kubernetes_validate
import pytest
from chart import (
    CHART,
    NOTES,
    PATH,
    ROOT,
    VALUES,
    changed,
    containers,
    documents,
    environment,
    render,
    rendered,
    service_pod,
    workload,
)

# The oldest that Chart.yaml allows, and the newest that there are schemas for.
VERSIONS = ["1.29", "1.37"]
OTHERS = {"monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1"}

every_file = pytest.mark.parametrize("file", VALUES)


@every_file
def test_lint_has_nothing_to_say(file):
    report = helm_python.lint(str(PATH), VALUES[file], strict=True, namespace="agents")
    said = [message for message in report["messages"] if message["error"] != "icon is recommended"]
    assert (said, report["errors"]) == ([], [])


@every_file
@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_of_their_schemas(file, version):
    checked = [item for item in documents(rendered(file)) if item["apiVersion"] not in OTHERS]
    for document in checked:
        kubernetes_validate.validate(document, version, strict=True)
    assert workload(rendered(file))["kind"] in [item["kind"] for item in checked]


def test_the_schemas_know_what_is_misspelt():
    document = workload(rendered("minimal"))
    container = document["spec"]["template"]["spec"]["containers"][0]
    container["readinesProbe"] = container.pop("readinessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


@every_file
def test_containers_may_do_what_is_restricted(file):
    for container in containers(rendered(file)):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    pods = [service_pod(rendered(file))]
    pods += [item["spec"] for item in documents(rendered(file)) if item["kind"] == "Pod"]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        policy = pod["securityContext"].get("fsGroupChangePolicy")
        assert policy == ("OnRootMismatch" if "fsGroup" in pod["securityContext"] else None)


@every_file
def test_the_pod_outlives_its_calls(file):
    pod = service_pod(rendered(file))
    env = environment(pod["containers"][0])
    ending = int(env["ARTIFACTA_GRACE_SECONDS"]) + int(env["ARTIFACTA_DRAIN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > ending


@every_file
def test_the_reaper_is_a_sidecar_on_the_same_socket(file):
    pod = service_pod(rendered(file))
    [reaper], [service] = pod["initContainers"], pod["containers"]
    assert (reaper["restartPolicy"], reaper["args"], service["args"]) == ("Always", ["reap"], ["serve"])
    # It starts first: what waits for the service would keep it from starting.
    assert not {"startupProbe", "readinessProbe"} & set(reaper)
    sockets = {environment(container)["ARTIFACTA_SOCKET"] for container in (reaper, service)}
    assert sockets == {"/run/artifacta/own/sock"}
    for container in (reaper, service):
        assert {"name": "socket", "mountPath": "/run/artifacta"} in container["volumeMounts"]
    assert "emptyDir" in next(volume for volume in pod["volumes"] if volume["name"] == "socket")


@every_file
def test_mounts_and_volumes_fit(file):
    spec = workload(rendered(file))["spec"]
    pod = spec["template"]["spec"]
    volumes = [volume["name"] for volume in pod["volumes"]]
    volumes += [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
    mounted = {mount["name"] for item in containers(rendered(file))[:2] for mount in item["volumeMounts"]}
    assert sorted(volumes) == sorted(mounted)
    # Each file that a setting names is in a mounted directory, and the pod's group may read it.
    paths = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    for name, value in environment(pod["containers"][0]).items():
        if value and value.startswith("/") and name != "HOME":
            assert any(value == path or value.startswith(f"{path}/") for path in paths), (name, value)


@every_file
def test_only_grpc_in_clear_is_called_h2c(file):
    is_tls = VALUES[file].get("tls", {}).get("existingSecret") is not None
    for service in [item for item in documents(rendered(file)) if item["kind"] == "Service"]:
        protocols = {port["name"]: port.get("appProtocol") for port in service["spec"]["ports"]}
        assert protocols["grpc"] == ("https" if is_tls else "kubernetes.io/h2c")
        assert protocols.get("http") == ("https" if is_tls and "http" in protocols else None)
        assert protocols.get("admin") is None
        assert protocols.get("replica") in (None, protocols["grpc"])


@every_file
def test_ports_that_are_named_are_there(file):
    pod = service_pod(rendered(file))
    ports = [port for item in containers(rendered(file)) for port in item.get("ports", [])]
    named = {port["name"]: port["containerPort"] for port in ports}
    for service in [item for item in documents(rendered(file)) if item["kind"] == "Service"]:
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(named)
    listening = {int(value.rsplit(":", 1)[1]) for container in pod["initContainers"] + pod["containers"]
                 for name, value in environment(container).items() if name.endswith("_LISTEN") and value != "none"}
    assert listening == set(named.values())


def test_large_numbers_stay_numbers():
    env = environment(service_pod(rendered("tls"))["containers"][0])
    assert env["ARTIFACTA_ARTIFACT_BYTES_MAX"] == "10737418240"
    files = render(changed(VALUES["minimal"], ("podSecurityContext", "runAsUser"), 1000680000))
    assert service_pod(files)["securityContext"]["runAsUser"] == 1000680000


def test_what_cannot_be_changed_stays_when_the_rest_does():
    """Another version, other labels and settings, on the same claims: the StatefulSet is one that can be upgraded."""

    def fixed(values):
        spec = workload(render(values))["spec"]
        return spec["selector"], spec["serviceName"], spec["volumeClaimTemplates"]

    before = VALUES["minimal"]
    after = {**before, "commonLabels": {"team": "agents"}, "podLabels": {"tier": "storage"}, "logLevel": "debug"}
    after = changed(after, ("image", "tag"), "9.9.9")
    assert fixed(before) == fixed(after)
    assert "9.9.9" not in str(fixed(after)) and str(CHART.metadata["version"]) not in str(fixed(before))


def test_it_is_for_the_version_beside_it():
    assert CHART.metadata["appVersion"] == json.loads((ROOT / "package.json").read_text())["version"]


def test_long_names_are_cut():
    for document in documents(CHART.render(VALUES["tls"] | {"fullnameOverride": ""}, name="r" * 53, namespace="n")):
        assert len(document["metadata"]["name"]) <= 63, document["metadata"]["name"]


def test_figures_are_served_under_the_names_that_are_scraped():
    files = rendered("tls")
    env = environment(service_pod(files)["containers"][0])
    hosts = env["ARTIFACTA_HTTP_HOSTS"].split(",")
    services = [item["metadata"]["name"] for item in documents(files) if item["kind"] == "Service"]
    for name in [*services, *(f"{name}.agents.svc.cluster.example" for name in services)]:
        assert name in hosts
    assert {"artifacts.example.org", "artifacts.internal"} <= set(hosts)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", host) for host in hosts), "as --http-hosts takes them"


WARNINGS = {
    "minimal": ["neither TLS nor a mesh", "Exports are off", "It needs a key first"],
    "tls": ["must leave 10 connections to this release: up to 10 for each process.", "will delete the claims", "needs a BackendTLSPolicy"],
    "istio": [],
    "linkerd": ["Exports are off", "It needs a key first"],
    "passing": ["auth.enabled is false", "No NetworkPolicy", "goes with the pod", "Exports are off"],
    "openshift": ["It is stopped", "neither TLS nor a mesh", "Exports are off", "It needs a key first"],
    "replicas": [
        "neither TLS nor a mesh",
        "must leave 52 connections to this release: up to 13 for each process, and an upgrade runs one more",
        "every pod of the cluster reaches the port between replicas",
        "It needs a key first",
    ],
    "zones": ["must leave 78 connections", "It leaves 78.", "It needs a key first"],
}


@every_file
def test_notes_warn_of_what_is_so(file):
    every = {warning for warnings in WARNINGS.values() for warning in warnings}
    said = rendered(file)[NOTES]
    assert {warning for warning in every if warning in said} == set(WARNINGS[file])
