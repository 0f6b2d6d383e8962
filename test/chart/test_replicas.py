"""Several pods of one store: how they are rolled and spread, how they find each other, and who else does not."""

import base64
import re

import pytest
from api_server import cluster
from chart import CHART, ROOT, VALUES, changed, documents, environment, one, render, rendered, service_pod, workload

every_file_of_replicas = pytest.mark.parametrize("file", ["replicas", "zones"])


def kinds(files):
    return [item["kind"] for item in documents(files)]


def test_there_are_replicas_in_these_files_only():
    assert {file for file in VALUES if workload(rendered(file))["kind"] == "Deployment"} == {"replicas", "zones"}


@every_file_of_replicas
def test_a_new_pod_is_ready_before_an_old_one_ends(file):
    spec = workload(rendered(file))["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["replicas"] == VALUES[file]["replicaCount"]


@every_file_of_replicas
def test_pods_keep_nothing(file):
    volumes = {volume["name"]: volume for volume in service_pod(rendered(file))["volumes"]}
    assert volumes["data"] == {"name": "data", "emptyDir": {}}
    assert "PersistentVolumeClaim" not in str(rendered(file))
    # Anybody may write to the root of an emptyDir.
    assert environment(service_pod(rendered(file))["containers"][0])["ARTIFACTA_DATA_DIR"] == "/data/store"


@every_file_of_replicas
def test_one_pod_at_a_time_is_evicted(file):
    files = rendered(file)
    spec = one(files, "PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"] == workload(files)["spec"]["selector"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_single_pod_may_be_evicted(count):
    assert "PodDisruptionBudget" not in kinds(render(changed(VALUES["replicas"], ("replicaCount",), count)))


@pytest.mark.parametrize(("file", "unsatisfiable"), [("replicas", "ScheduleAnyway"), ("zones", "DoNotSchedule")])
def test_pods_are_spread_over_nodes_and_zones(file, unsatisfiable):
    files = rendered(file)
    labels = workload(files)["spec"]["template"]["metadata"]["labels"]
    spread = service_pod(files)["topologySpreadConstraints"]
    assert {each["topologyKey"]: each["whenUnsatisfiable"] for each in spread} == {
        "kubernetes.io/hostname": unsatisfiable,
        "topology.kubernetes.io/zone": "ScheduleAnyway",
    }
    for each in spread:
        assert each["labelSelector"]["matchLabels"].items() <= labels.items()
        assert (each["maxSkew"], each["matchLabelKeys"]) == (1, ["pod-template-hash"])


@pytest.mark.parametrize(("file", "address"), [("replicas", "$(POD_IP):50052"), ("zones", "[$(POD_IP)]:50052")])
def test_each_pod_tells_its_own_address(file, address):
    container = service_pod(rendered(file))["containers"][0]
    names = [variable["name"] for variable in container["env"]]
    # A variable knows only those before it.
    assert names.index("POD_IP") < names.index("ARTIFACTA_REPLICA_ADDRESS")
    ip = next(variable for variable in container["env"] if variable["name"] == "POD_IP")
    assert ip["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert environment(container)["ARTIFACTA_REPLICA_ADDRESS"] == address
    assert {"name": "replica", "containerPort": 50052} in container["ports"]


@every_file_of_replicas
def test_the_port_between_replicas_is_of_the_headless_service_alone(file):
    services = {item["metadata"]["name"]: item["spec"] for item in documents(rendered(file)) if item["kind"] == "Service"}
    found = [name for name, spec in services.items() if "replica" in [port["name"] for port in spec["ports"]]]
    assert found == ["release-artifacta-headless"]
    assert services[found[0]]["clusterIP"] == "None"


def test_only_replicas_reach_the_port_between_them():
    files = rendered("zones")
    policy = one(files, "NetworkPolicy")["spec"]
    [rule] = [rule for rule in policy["ingress"] if {"port": "replica"} in rule["ports"]]
    own = workload(files)["spec"]["selector"]["matchLabels"]
    assert rule == {"from": [{"podSelector": {"matchLabels": own}}], "ports": [{"port": "replica"}]}
    test_pod = next(item for item in documents(files) if item["kind"] == "Pod")
    assert not own.items() <= test_pod["metadata"]["labels"].items()


@pytest.mark.parametrize("file", sorted(set(VALUES) - {"replicas", "zones"}))
def test_one_process_knows_of_no_others(file):
    files = rendered(file)
    for path, text in files.items():
        assert not re.search(r"ARTIFACTA_REPLICA|port: replica|name: replica", text), path
    assert {"Deployment", "PodDisruptionBudget", "Secret"}.isdisjoint(kinds(files))


# The secret


def secret_of(files):
    return base64.b64decode(one(files, "Secret")["data"]["secret"])


def test_a_secret_is_made_that_nobody_guesses():
    made = {secret_of(render(VALUES["replicas"])) for _ in range(20)}
    assert len(made) == 20
    assert {len(secret) for secret in made} == {64}
    assert all(re.fullmatch(rb"[A-Za-z0-9]+", secret) for secret in made)


def test_the_secret_is_kept_by_an_upgrade():
    with cluster("agents") as (config, secrets):

        def upgraded(values):
            return config.render(CHART, values, name="release", namespace="agents", is_upgrade=True)

        first = one(upgraded(VALUES["replicas"]), "Secret")
        secrets[first["metadata"]["name"]] = first
        after = upgraded(VALUES["replicas"] | {"replicaCount": 7, "commonLabels": {"team": "agents"}})
        assert one(after, "Secret")["data"] == first["data"]
        # And one without the key gets it.
        secrets[first["metadata"]["name"]] = {**first, "data": {"other": "b3RoZXI="}}
        assert one(upgraded(VALUES["replicas"]), "Secret")["data"] != first["data"]


@pytest.mark.parametrize(
    ("file", "name", "key"), [("replicas", "release-artifacta-replicas", "secret"), ("zones", "store-replicas", "between")]
)
def test_the_secret_is_mounted_where_the_setting_says(file, name, key):
    files = rendered(file)
    pod = service_pod(files)
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "replicas")
    assert volume["secret"] == {"secretName": name, "defaultMode": 0o440}
    assert environment(pod["containers"][0])["ARTIFACTA_REPLICA_SECRET_FILE"] == f"/etc/artifacta/replicas/{key}"
    made = {item["metadata"]["name"]: set(item["data"]) for item in documents(files) if item["kind"] == "Secret"}
    assert made == ({name: {key}} if file == "replicas" else {})


# Connections


def test_connections_are_those_of_the_code():
    """Eight of snapshots; one each for writes and reads; of a replica, one for leases and two to ship."""
    source = (ROOT / "src/index/postgres/database.ts").read_text()
    moments = int(re.search(r"momentsMax = (\d+)", source)[1])
    template = next(item["data"] for item in CHART.templates if item["name"].endswith("_replicas.tpl"))
    assert f"ternary {moments + 5} {moments + 2} .Values.replicas.enabled" in template
