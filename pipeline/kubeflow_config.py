"""`KubeflowConfig`: how a cluster runs a pipeline's stages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from serving.pushing.provenance import IMAGE_VARIABLE
from transform.common.config import Config, Field, root_validator, validator

DEFAULT = "default"  # the key of what holds for every stage without a value of its own
BUCKETS = ("gs://", "s3://", "minio://")  # that a backend can keep artifacts in

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|[KMGT]i?)?")
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "ACCESS_KEY", "CREDENTIAL", "API_KEY")


def seconds(duration: str) -> int:
    """Returns the seconds of a duration such as 90s, 15m, 24h or 30d."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", duration)
    if not match:
        raise ValueError(f"{duration!r} is no duration such as 90s, 15m, 24h or 30d")
    return int(match[1]) * _SECONDS[match[2]]


class Accelerator(Config):
    """Devices that a stage needs, by the name of their Kubernetes resource."""

    type: str = "nvidia.com/gpu"  # resource name that the node's device plug-in offers
    count: int = Field(1, ge=1)  # devices of one pod


class Resources(Config):
    """What a stage's pod asks for, and may use at most."""

    cpu: str = ""  # cores, as in 8 or 500m; "" for the cluster's default
    memory: str = ""  # as in 16Gi
    accelerator: Optional[Accelerator] = None  # none by default

    @validator("cpu", "memory")
    def _quantity(cls, value: str) -> str:
        if value and not _QUANTITY.fullmatch(value):
            raise ValueError("a quantity of Kubernetes is expected, as in 8 or 16Gi")
        return value


class Toleration(Config):
    """A taint of nodes that a stage's pod puts up with."""

    key: str = ""  # of the taint
    operator: str = "Exists"  # or Equal
    value: str = ""  # with Equal
    effect: str = ""  # NoSchedule, PreferNoSchedule or NoExecute; "" for all


class Placement(Config):
    """Nodes that a stage's pod may run on."""

    node_selector: dict[str, str] = Field(default_factory=dict)  # labels of the node
    tolerations: tuple[Toleration, ...] = ()  # taints that do not matter


class Retries(Config):
    """How often a failed pod is started again; stages resume within themselves."""

    times: int = Field(2, ge=0)  # after the first attempt
    backoff: str = "60s"  # before the first of them
    factor: float = Field(2.0, ge=1)  # by which the wait grows each time
    max: str = "900s"  # the longest wait

    @validator("backoff", "max")
    def _duration(cls, value: str) -> str:
        seconds(value)
        return value


class Volume(Config):
    """A persistent volume claim that every stage mounts."""

    claim: str  # name of the PersistentVolumeClaim
    mount: str = Field(regex="^/.+")  # folder in the pods


class Secret(Config):
    """A Kubernetes secret, whose entries become environment variables."""

    name: str  # of the secret
    env: dict[str, str]  # environment variable → entry of the secret


class KubeflowConfig(Config):
    """How Kubeflow Pipelines runs a pipeline; `kinescribe compile` reads it.

    Mappings are by the name of a stage; `default` holds for all others.
    """

    # gs://, s3:// or minio:// folder of artifacts; "" for the backend's own
    pipeline_root: str = ""
    # container image by stage, with its digest
    image: dict[str, str] = Field(default_factory=dict)
    allow_tags: bool = False  # images by tag, whose content can change between runs
    # processors, memory and accelerators by stage
    resources: dict[str, Resources] = Field(default_factory=dict)
    placement: dict[str, Placement] = Field(default_factory=dict)  # nodes by stage
    # attempts after a failure, by stage
    retries: dict[str, Retries] = Field(default_factory=lambda: {DEFAULT: Retries()})
    # the longest that a stage may take, as in 24h
    timeouts: dict[str, str] = Field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()  # claims that every stage mounts
    secrets: tuple[Secret, ...] = ()  # by reference only, never a value
    env: dict[str, str] = Field(default_factory=dict)  # environment of every stage
    beam: tuple[str, ...] = ()  # Beam's options for the stages of TFX itself

    @validator("pipeline_root")
    def _bucket(cls, value: str) -> str:
        if value and not value.startswith(BUCKETS):
            raise ValueError(
                "a backend keeps artifacts in a bucket only, gs://, s3:// or minio://, "
                "not in a folder; leave it out for the backend's own"
            )
        return value.rstrip("/")

    @validator("image")
    def _complete_name(cls, values: dict[str, str]) -> dict[str, str]:
        for stage, image in values.items():
            if not image or image != image.strip():
                raise ValueError(f"the image of {stage} is empty or has spaces")
        return values

    @validator("timeouts")
    def _durations(cls, values: dict[str, str]) -> dict[str, str]:
        for value in values.values():
            seconds(value)
        return values

    @validator("env")
    def _checked_names(cls, values: dict[str, str]) -> dict[str, str]:
        for name in values:
            if not _ENVIRONMENT_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an environment variable")
            if name == IMAGE_VARIABLE:
                raise ValueError(
                    f"{name} is set to each stage's own image when the pipeline is "
                    "compiled: leave it out"
                )
            if any(word in name.upper() for word in _SECRET_WORDS):
                raise ValueError(
                    f"{name} looks like a secret, which would stand in the compiled "
                    "file: name it under kubeflow.secrets"
                )
        return values

    @root_validator(skip_on_failure=True)
    def _digests(cls, values: dict[str, Any]) -> dict[str, Any]:
        for stage, image in values["image"].items():
            if "@sha256:" not in image and not values["allow_tags"]:
                raise ValueError(
                    f"the image {image} of {stage} has no digest (@sha256:…), so that "
                    "two runs may differ; give one, or set kubeflow.allow_tags"
                )
        return values

    def of(self, field: str, stage: str) -> Any:
        """Returns a stage's value in a mapping, else the default's or None."""
        by_stage: Mapping[str, Any] = getattr(self, field)
        return by_stage.get(stage, by_stage.get(DEFAULT))

    def stages_named(self) -> set[str]:
        """Returns the stages that any of the mappings names."""
        mappings = ("image", "resources", "placement", "retries", "timeouts")
        return {stage for name in mappings for stage in getattr(self, name)} - {DEFAULT}
