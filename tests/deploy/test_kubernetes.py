"""The manifests: rendered by kubectl, valid for two versions of Kubernetes, and true to the code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import service
from service.host.supervisor import longest_end_s
from service.settings import PREFIX, Settings
from training.config import Config

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu", "feedback", "kserve")
VERSIONS = ("1.34", "1.37")
NO_SCHEMA = {"ServiceMonitor", "ServingRuntime", "InferenceService"}
"""Kinds of the Prometheus operator and of KServe, which Kubernetes itself does not know."""
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def kustomize(folder: Path) -> list[dict[str, Any]]:
    """Return the documents that a folder renders to."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


RENDERED = {overlay: kustomize(MANIFESTS / "overlays" / overlay) for overlay in OVERLAYS}
TRAIN = yaml.safe_load((MANIFESTS / "train.yaml").read_text())
RANKS = list(yaml.safe_load_all((MANIFESTS / "train-ranks.yaml").read_text()))
JOBS = [TRAIN, RANKS[-1]]


def one(kind: str, overlay: str = "cpu") -> dict[str, Any]:
    """Return the overlay's only document of a kind."""
    [document] = [document for document in RENDERED[overlay] if document["kind"] == kind]
    return document


def containers() -> list[dict[str, Any]]:
    """Return every container of every manifest."""
    pods = [one("Deployment", overlay)["spec"]["template"]["spec"] for overlay in ("cpu", "gpu")]
    pods += [one("ServingRuntime", "kserve")["spec"], *(job["spec"]["template"]["spec"] for job in JOBS)]
    return [container for pod in pods for container in pod["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_manifest_is_valid(overlay: str, version: str) -> None:
    """No unknown field, no wrong type, by Kubernetes' own schema; the training jobs included."""
    for document in [*RENDERED[overlay], TRAIN, *RANKS]:
        if document["kind"] not in NO_SCHEMA:
            kubernetes_validate.validate(document, version, strict=True)


def test_the_pages_sidecar_fits_the_base(tmp_path: Path) -> None:
    """The patch for an object store gives a valid pod, whose service only reads what the sidecar copies."""
    [patch] = re.findall(r"```yaml\n(apiVersion.*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    (tmp_path / "patch.yaml").write_text(patch)
    base = os.path.relpath(MANIFESTS / "base", tmp_path.resolve())
    text = json.dumps({"resources": [base], "patches": [{"path": "patch.yaml"}]})
    (tmp_path / "kustomization.yaml").write_text(text)
    [deployment] = [document for document in kustomize(tmp_path) if document["kind"] == "Deployment"]
    for version in VERSIONS:
        kubernetes_validate.validate(deployment, version, strict=True)
    pod = deployment["spec"]["template"]["spec"]
    assert [volume["name"] for volume in pod["volumes"] if "emptyDir" in volume] == ["models", "tmp"]
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]


def test_models_change_without_new_pods() -> None:
    """Every pod follows the volume that the jobs write; none has a model of its own or a pinned version."""
    for container in containers():
        assert not {"SERVICE_MODEL_CONTROL", "SERVICE_MODEL_VERSION"} & {
            item["name"] for item in container["env"]
        }
    claims = [one("Deployment"), *JOBS]
    for pod in (each["spec"]["template"]["spec"] for each in claims):
        [volume] = [volume for volume in pod["volumes"] if volume["name"] == "models"]
        assert (
            volume["persistentVolumeClaim"]["claimName"] == one("PersistentVolumeClaim")["metadata"]["name"]
        )
    assert one("PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteMany"]


def test_pods_meet_the_restricted_standard() -> None:
    """Not root, no new privileges, no capabilities, the default seccomp profile, and a read-only root."""
    for pod in (each["spec"]["template"]["spec"] for each in [one("Deployment"), *JOBS]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
    assert one("InferenceService", "kserve")["spec"]["predictor"]["enableServiceLinks"] is False
    for container in containers():
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_settings_exist_and_have_valid_values() -> None:
    """Each SERVICE_ or TRAINING_ variable of a manifest or the image is a setting, and its value passes."""
    named = [(item["name"], item["value"]) for container in containers() for item in container["env"]]
    named += re.findall(r"((?:SERVICE|TRAINING)_[A-Z_]+)=([^ \\\n]+)", DOCKERFILE)
    for name, value in named:
        table = Settings if name.startswith(PREFIX) else Config
        field = name.split("_", 1)[1].lower()
        assert field in table.model_fields, name
        table(**{field: value.replace("{{.Name}}", "breast-cancer")})  # as KServe does


def test_probes_and_ports_are_the_services() -> None:
    """Probes ask endpoints that the service documents, on the port that it listens on by default."""
    port = Settings.model_fields["port"].default
    endpoints = (ROOT / "README.md").read_text() + (ROOT / "docs" / "protocol.md").read_text()
    for container in containers():
        probes = [container[key] for key in container if key.endswith("Probe")]
        for probe in probes:
            assert f"`{probe['httpGet']['path']}`" in endpoints, probe
            assert probe["httpGet"]["port"] in {"http", port}
        for found in container.get("ports", []):
            assert found["containerPort"] == port
    assert f"EXPOSE {port}" in DOCKERFILE


def test_times_follow_from_the_settings() -> None:
    """A pod has time to drain, readiness notices within it, start-up outlasts the service's own limit."""
    pod = one("Deployment")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    values = {item["name"]: float(item["value"]) for item in container["env"]}
    drain, timeout = values["SERVICE_DRAIN_S"], values["SERVICE_TIMEOUT_S"]
    longest_s = longest_end_s(Settings(drain_s=drain, timeout_s=timeout))
    assert pod["terminationGracePeriodSeconds"] >= longest_s
    ready, startup = container["readinessProbe"], container["startupProbe"]
    assert (ready["periodSeconds"] + ready["timeoutSeconds"]) * ready["failureThreshold"] < drain
    start_timeout = Settings.model_fields["start_timeout_s"].default
    assert startup["periodSeconds"] * startup["failureThreshold"] > start_timeout
    assert values["SERVICE_API_SERVERS"] == float(container["resources"]["requests"]["cpu"])


def test_the_parts_find_each_other() -> None:
    """Selectors match the pods, the autoscaler's metric exists, and images carry the package's version."""
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        one("Service")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one("Deployment")["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
    monitored = one("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert monitored.items() <= one("Service")["metadata"]["labels"].items()
    [metric] = one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "logitserve_pending_requests"
    assert f"`{metric['pods']['metric']['name']}`" in (ROOT / "docs" / "metrics.md").read_text()
    for container in containers():
        assert container["image"].split(":")[1].removesuffix("-cuda") == service.__version__
    claims = {
        claim["metadata"]["name"] for claim in RENDERED["cpu"] if claim["kind"] == "PersistentVolumeClaim"
    }
    assert claims == {"models"}
