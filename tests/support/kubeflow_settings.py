"""A run of MSR-VTT for a cluster, and a section `kubeflow` with every setting."""

from collections.abc import Mapping
from typing import Any

from pipeline import published_runs
from pipeline.configs import PipelineConfig

DIGEST = "@sha256:" + "7" * 64
SETTINGS = {
    "pipeline_root": "s3://bucket/artifacts",
    "image": {"default": "r/steps" + DIGEST, "Trainer": "r/trainer" + DIGEST},
    "resources": {
        "default": {"cpu": "2", "memory": "8Gi"},
        "Trainer": {"cpu": "8", "memory": "32Gi", "accelerator": {"count": 1}},
    },
    "placement": {
        "Trainer": {
            "node_selector": {"gpu": "a100"},
            "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        }
    },
    "timeouts": {"default": "2h", "Trainer": "24h"},
    "volumes": [{"claim": "captions", "mount": "/mnt/captions"}],
    "secrets": [{"name": "s3", "env": {"AWS_ACCESS_KEY_ID": "access"}}],
    "env": {"S3_ENDPOINT": "http://minio:9000"},
}


def configuration(place: str, settings: Mapping[str, Any] = SETTINGS) -> PipelineConfig:
    """Returns a run below `place`, which all pods can reach."""
    config = published_runs.configuration("mgsa", "msrvtt", root=f"{place}/run")
    files = [f"{place}/data/{name}.json" for name in ("train", "test")]
    return config.override({"corpus": {"files": files}, "kubeflow": settings})
