"""The Kubernetes manifests, against its schema and against what Flake takes."""

import copy
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from idgen import __version__
from idgen.config import load
from idgen.errors import BadSetting
from idgen.grants.state_directory import SYSTEM_DIRECTORY
from idgen.options import OPTIONS
from idgen.redis.address import RedisAddress
from idgen.web.app import ROUTES
from idgen.web.server import DRAIN_LIMIT_S
from tests.deploy import image
from tests.deploy.manifests import (
    FILES,
    Document,
    container,
    documents,
    environment,
    of_kind,
    pod,
    workload,
)

VERSIONS = ("1.28", kubernetes_validate.latest_version())
DOCUMENTS = [
    pytest.param(document, id=f"{file} {document['kind']} {document['metadata']['name']}")
    for file in FILES
    for document in documents(file)
]
of_each_file = pytest.mark.parametrize("file", FILES)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_follows_the_schema(document: Document, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("harm", [{"replicsa": 3}, {"selector": "flake"}])
def test_the_schema_would_tell_a_mistake(document: Document, harm: Document) -> None:
    harmed = copy.deepcopy(document)
    harmed["spec"] |= harm
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(harmed, VERSIONS[-1], strict=True)


@of_each_file
def test_a_pod_s_settings_are_settings(file: str) -> None:
    assert set(environment(file)) <= {f"FLAKE_{name.upper()}" for name in OPTIONS}
    settings = load([], environment(file))
    (port,) = container(file)["ports"]
    assert settings.port == port["containerPort"]


def test_a_pod_of_the_stateful_set_has_its_ordinal_for_a_worker_id() -> None:
    settings = load([], environment("flake.yaml"))
    assert settings.worker_id == 2
    spec = workload("flake.yaml")
    ordinals = range(spec["ordinals"]["start"], spec["ordinals"]["start"] + spec["replicas"])
    assert settings.peers == tuple(
        f"flake-{ordinal}.{spec['serviceName']}:{settings.port}" for ordinal in ordinals
    )
    (headless,) = [
        service
        for service in of_kind("flake.yaml", "Service")
        if service["metadata"]["name"] == spec["serviceName"]
    ]
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"], "a worker that refuses is to be seen"


def test_a_pod_of_the_deployment_has_its_worker_id_from_redis() -> None:
    settings = load([], environment("flake-redis.yaml"))
    assert settings.worker_id is None
    assert isinstance(settings.grants, RedisAddress)
    assert settings.address == "10.0.0.7", "the one that the others can ask"


def test_grants_in_a_file_are_in_a_volume_that_only_one_pod_can_have() -> None:
    assert environment("flake.yaml")["FLAKE_GRANTS"] == f"file:{SYSTEM_DIRECTORY}"
    (mount,) = container("flake.yaml")["volumeMounts"]
    (claim,) = workload("flake.yaml")["volumeClaimTemplates"]
    assert Path(mount["mountPath"]) == SYSTEM_DIRECTORY
    assert mount["name"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert pod("flake.yaml")["securityContext"]["fsGroup"] == user_and_group()[1]


@of_each_file
def test_the_service_s_name_can_t_become_a_setting(file: str) -> None:
    assert "flake" in {service["metadata"]["name"] for service in of_kind(file, "Service")}
    injected = {"FLAKE_PORT": "tcp://10.96.0.1:8000"}
    with pytest.raises(BadSetting, match="--port"):
        load([], environment(file) | injected)
    assert pod(file)["enableServiceLinks"] is False


@of_each_file
def test_services_and_budgets_find_the_pods(file: str) -> None:
    labels = workload(file)["template"]["metadata"]["labels"]
    selectors = [service["spec"]["selector"] for service in of_kind(file, "Service")]
    (budget,) = of_kind(file, "PodDisruptionBudget")
    selectors += [
        budget["spec"]["selector"]["matchLabels"],
        workload(file)["selector"]["matchLabels"],
    ]
    (constraint,) = pod(file)["topologySpreadConstraints"]
    selectors.append(constraint["labelSelector"]["matchLabels"])
    assert all(selector == labels for selector in selectors)


@of_each_file
def test_probes_and_services_lead_to_the_port_of_the_process(file: str) -> None:
    (port,) = container(file)["ports"]
    probes = {
        name: container(file)[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")
    }
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "readiness": "/readyz",
        "liveness": "/livez",
    }
    assert {probe["path"] for probe in probes.values()} <= set(ROUTES)
    targets = {
        entry["targetPort"]
        for service in of_kind(file, "Service")
        for entry in service["spec"]["ports"]
    }
    assert targets | {probe["port"] for probe in probes.values()} == {port["name"]}


@of_each_file
def test_a_pod_may_finish_its_drain(file: str) -> None:
    sleep, seconds = container(file)["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert pod(file)["terminationGracePeriodSeconds"] > int(seconds) + DRAIN_LIMIT_S + 1


@of_each_file
def test_a_pod_keeps_to_the_restricted_standard(file: str) -> None:
    of_pod, of_container = pod(file)["securityContext"], container(file)["securityContext"]
    assert of_pod["runAsNonRoot"] is True
    assert (of_pod["runAsUser"], of_pod["runAsGroup"]) == user_and_group()
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert of_container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(file)["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & set(pod(file))


@of_each_file
def test_the_image_is_that_of_this_version(file: str) -> None:
    assert container(file)["image"] == f"flake:{__version__}"
    assert f"-t flake:{__version__} " in image.DOCKERFILE.read_text(encoding="utf-8")


def user_and_group() -> tuple[int, int]:
    """Of the image."""
    (named,) = image.arguments("USER")
    user, group = map(int, named.split(":"))
    return user, group
