"""Kubernetes manifests of a served model: three ways to serve, filled in and flat.

The folder has a `kustomization.yaml` and one file a thing, so that
`kubectl apply -k` takes it as it is and an overlay of one's own can stand on it.
"""

from __future__ import annotations

import os
from typing import Any, Literal

import yaml

from transform.common import storage
from transform.common.config import Config, Field, root_validator, validator

Manifest = dict[str, Any]
Server = Literal["embedded", "tf-serving", "kserve"]

GRPC, REST, METRICS = 8500, 8501, 9090
_USER = 65532
_STOCK = "tensorflow/serving:2.15.1"
_LABEL = "app.kubernetes.io/name"


class Deployment(Config):
    """What differs between two installations."""

    name: str = Field("kinescribe", regex=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
    server: Server = "embedded"
    image: str = ""  # of the server; "" for the stock one of tf-serving
    models: str  # pvc://claim/folder, or a bucket
    secret: str = ""  # Kubernetes secret with the bucket's environment variables
    replicas: int = Field(2, ge=1)
    most_replicas: int = Field(6, ge=1)  # that load may ask for
    cpu: str = "2"
    memory: str = "4Gi"
    canary_percent: int = Field(0, ge=0, le=100)  # of calls, with kserve

    @validator("models")
    def _place(cls, value: str) -> str:
        if not value.startswith(("pvc://", "s3://", "gs://")):
            raise ValueError(
                "a folder means nothing in a cluster; give pvc://claim/folder, s3:// "
                "or gs://"
            )
        return value.rstrip("/")

    @root_validator(skip_on_failure=True)
    def _has_image(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values["server"] == "embedded" and not values["image"]:
            raise ValueError(
                "the embedded server has no public image: build serving/deploy/"
                "Dockerfile and give the image's name with its digest"
            )
        if values["canary_percent"] and values["server"] != "kserve":
            raise ValueError(
                "only kserve divides calls itself; with the other servers clients ask "
                "for a label, see `kinescribe label`"
            )
        return values

    @property
    def container_image(self) -> str:
        """The image that is run."""
        return self.image or (_STOCK if self.server == "tf-serving" else "")

    @property
    def claim(self) -> str:
        """The persistent volume claim; '' for a bucket."""
        if not self.models.startswith("pvc://"):
            return ""
        return self.models.removeprefix("pvc://").partition("/")[0]

    @property
    def folder(self) -> str:
        """Where the server sees the models."""
        if not self.claim:
            return self.models
        below = self.models.removeprefix("pvc://").partition("/")[2]
        return os.path.join("/models", below)


def manifests(settings: Deployment) -> dict[str, Manifest]:
    """Returns the manifests by the names of their files."""
    if settings.server == "kserve":
        return {
            "service-account.yaml": _service_account(settings),
            "inference-service.yaml": _inference_service(settings),
        }
    return {
        "service-account.yaml": _service_account(settings),
        "deployment.yaml": _deployment(settings),
        "service.yaml": _service(settings),
        "disruption-budget.yaml": _disruption_budget(settings),
        "autoscaler.yaml": _autoscaler(settings),
        "network-policy.yaml": _network_policy(settings),
        "service-monitor.yaml": _service_monitor(settings),
    }


def write(settings: Deployment, folder: str) -> list[str]:
    """Writes the manifests and their kustomization; returns the paths."""
    files = manifests(settings)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    paths = []
    for name, content in {**files, "kustomization.yaml": kustomization}.items():
        path = os.path.join(folder, name)
        storage.write(path, yaml.safe_dump(content, sort_keys=False, width=88))
        paths.append(path)
    return sorted(paths)


def _thing(api: str, kind: str, settings: Deployment, **content: Any) -> Manifest:
    metadata = {"name": settings.name, "labels": {_LABEL: settings.name}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def _selector(settings: Deployment) -> Manifest:
    return {"matchLabels": {_LABEL: settings.name}}


def _service_account(settings: Deployment) -> Manifest:
    return _thing("v1", "ServiceAccount", settings, automountServiceAccountToken=False)


def _deployment(settings: Deployment) -> Manifest:
    pod: Manifest = {
        "serviceAccountName": settings.name,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # Two replicas on one node are one failure.
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "labelSelector": _selector(settings),
                            "topologyKey": "kubernetes.io/hostname",
                        },
                    }
                ]
            }
        },
        "containers": [_container(settings)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if settings.claim:
        claim = {"claimName": settings.claim, "readOnly": True}
        pod["volumes"].append({"name": "models", "persistentVolumeClaim": claim})
    return _thing(
        "apps/v1",
        "Deployment",
        settings,
        spec={
            "replicas": settings.replicas,
            "selector": _selector(settings),
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": {_LABEL: settings.name}},
                "spec": pod,
            },
        },
    )


def _container(settings: Deployment) -> Manifest:
    ports = {"grpc": GRPC, "rest": REST}
    if settings.server == "embedded":
        ports["metrics"] = METRICS
        arguments = [settings.folder, "--model-name", settings.name]
        arguments += ["--lame-duck", "10", "--drain", "30"]
        ready: Manifest = {"grpc": {"port": GRPC}}
    else:
        arguments = [
            f"--model_name={settings.name}",
            f"--model_base_path={settings.folder}",
        ]
        ready = {"httpGet": {"path": f"/v1/models/{settings.name}", "port": REST}}
    container: Manifest = {
        "name": "server",
        "image": settings.container_image,
        "args": arguments,
        "ports": [
            {"name": name, "containerPort": port} for name, port in ports.items()
        ],
        "resources": {
            "requests": {"cpu": settings.cpu, "memory": settings.memory},
            "limits": {"memory": settings.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # Loading a model takes a minute at worst; then the server has five.
        "startupProbe": {**ready, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**ready, "periodSeconds": 5},
        "livenessProbe": {"tcpSocket": {"port": GRPC}, "periodSeconds": 20},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    if settings.claim:
        mount = {"name": "models", "mountPath": "/models", "readOnly": True}
        container["volumeMounts"].append(mount)
    if settings.secret:
        container["envFrom"] = [{"secretRef": {"name": settings.secret}}]
    return container


def _service(settings: Deployment) -> Manifest:
    ports = {"grpc": GRPC, "rest": REST}
    ports["metrics"] = METRICS if settings.server == "embedded" else REST
    return _thing(
        "v1",
        "Service",
        settings,
        spec={
            "selector": {_LABEL: settings.name},
            "ports": [
                {"name": name, "port": METRICS if name == "metrics" else port}
                | {"targetPort": port}
                for name, port in ports.items()
            ],
        },
    )


def _disruption_budget(settings: Deployment) -> Manifest:
    spec = {"maxUnavailable": 1, "selector": _selector(settings)}
    return _thing("policy/v1", "PodDisruptionBudget", settings, spec=spec)


def _autoscaler(settings: Deployment) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": 70}
    return _thing(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        settings,
        spec={
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": settings.name,
            },
            "minReplicas": settings.replicas,
            "maxReplicas": max(settings.replicas, settings.most_replicas),
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": target}}
            ],
        },
    )


def _network_policy(settings: Deployment) -> Manifest:
    """Lets pods of the namespace call, and everybody's Prometheus read metrics."""
    own = [{"protocol": "TCP", "port": port} for port in (GRPC, REST)]
    metrics = METRICS if settings.server == "embedded" else REST
    return _thing(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        settings,
        spec={
            "podSelector": _selector(settings),
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [{"podSelector": {}}], "ports": own},
                {
                    "from": [{"namespaceSelector": {}}],
                    "ports": [{"protocol": "TCP", "port": metrics}],
                },
            ],
        },
    )


def _service_monitor(settings: Deployment) -> Manifest:
    endpoint: Manifest = {"port": "metrics", "interval": "15s"}
    if settings.server == "tf-serving":
        endpoint["path"] = "/monitoring/prometheus/metrics"
    spec = {"selector": _selector(settings), "endpoints": [endpoint]}
    return _thing("monitoring.coreos.com/v1", "ServiceMonitor", settings, spec=spec)


def _inference_service(settings: Deployment) -> Manifest:
    """KServe brings the server, the autoscaler and the traffic between revisions."""
    resources = {"cpu": settings.cpu, "memory": settings.memory}
    predictor: Manifest = {
        "serviceAccountName": settings.name,
        "minReplicas": settings.replicas,
        "maxReplicas": max(settings.replicas, settings.most_replicas),
        "model": {
            "modelFormat": {"name": "tensorflow"},
            "storageUri": settings.models,
            "resources": {"requests": resources, "limits": resources},
        },
    }
    if settings.canary_percent:
        predictor["canaryTrafficPercent"] = settings.canary_percent
    return _thing(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        settings,
        spec={"predictor": predictor},
    )
