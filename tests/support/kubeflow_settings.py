"""A section `kubeflow` with something in every setting."""

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
