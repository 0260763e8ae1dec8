from serving.server.prometheus import Metrics, ModelVersions

NAMES = "model_version", "live_versions", "rejected_version"


def told(metrics, model):
    read = metrics.registry.get_sample_value
    return [read(f"kinescribe_{name}", {"model": model}) for name in NAMES]


def test_versions_are_told_as_they_are_when_they_are_asked_for():
    models = {"m": ModelVersions((3, 4), rejected=5)}
    metrics = Metrics()
    metrics.watch(lambda: 0, lambda: 0, lambda: models)
    assert told(metrics, "m") == [4, 2, 5]
    models["m"] = ModelVersions((), rejected=None)
    assert told(metrics, "m") == [None, 0, None]
    del models["m"]
    assert told(metrics, "m") == [None, None, None]
