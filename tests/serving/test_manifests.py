import subprocess

import pytest
import yaml

from serving.manifests import Deployment, manifests, write
from tests.support.deploy_tools import operator_schemas, tool
from transform.common.config import ConfigError

IMAGE = "r/serve@sha256:" + "7" * 64
SETTINGS = {
    "embedded": {"image": IMAGE, "models": "pvc://captions/models"},
    "tf-serving": {"models": "s3://bucket/models", "secret": "s3"},
    "kserve": {"models": "pvc://captions/models", "canary_percent": 10},
}
OF_OPERATORS = (
    "InferenceService",
    "ServiceMonitor",
)  # Kubernetes has no schemas of them


def deployment(server, **changes):
    return Deployment.from_dict({"server": server, **SETTINGS[server], **changes})


@pytest.fixture(params=SETTINGS)
def server(request):
    return request.param


def test_files_are_one_kustomization(server, tmp_path):
    paths = write(deployment(server), str(tmp_path))
    assert sorted(map(str, tmp_path.iterdir())) == paths
    listed = yaml.safe_load((tmp_path / "kustomization.yaml").read_text())["resources"]
    assert {str(tmp_path / name) for name in listed} | {
        str(tmp_path / "kustomization.yaml")
    } == set(paths)


def test_kustomize_takes_every_thing_once(server, tmp_path):
    kubectl = tool("kubectl")
    write(deployment(server), str(tmp_path))
    done = subprocess.run(
        [kubectl, "kustomize", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kinds = sorted(thing["kind"] for thing in yaml.safe_load_all(done.stdout))
    assert kinds == sorted(m["kind"] for m in manifests(deployment(server)).values())


@pytest.mark.parametrize("version", ["1.31", "1.37"])
def test_kubernetes_itself_knows_every_field(server, tmp_path, version):
    validate = tool("kubernetes-validate")
    write(deployment(server), str(tmp_path))
    files = [
        str(tmp_path / name)
        for name, thing in manifests(deployment(server)).items()
        if thing["kind"] not in OF_OPERATORS
    ]
    done = subprocess.run(
        [validate, "--strict", "-k", version, *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_field_that_kubernetes_does_not_know_is_found(tmp_path):
    validate = tool("kubernetes-validate")
    wrong = manifests(deployment("embedded"))["deployment.yaml"]
    wrong["spec"]["template"]["spec"]["containers"][0]["lifcycle"] = {}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(wrong))
    done = subprocess.run(
        [validate, "--strict", "-k", "1.31", str(path)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "lifcycle" in done.stdout + done.stderr


def test_operators_know_every_field_of_their_kinds(server, tmp_path):
    write(deployment(server), str(tmp_path))
    files = [
        tmp_path / name
        for name, thing in manifests(deployment(server)).items()
        if thing["kind"] in OF_OPERATORS
    ]
    assert files
    assert operator_schemas(*files) == []


@pytest.mark.parametrize(
    ("server", "file", "place", "value", "fault"),
    [
        ("kserve", "inference-service", "predictor.canaryTraffic", 5, "canaryTraffic"),
        (
            "kserve",
            "inference-service",
            "predictor.canaryTrafficPercent",
            "5",
            "$.spec.predictor.canaryTrafficPercent: '5' is not of type 'integer'",
        ),
        ("kserve", "inference-service", "predictor.model.uri", "s3://b/m", "uri"),
        (
            "kserve",
            "inference-service",
            "predictor.model.resources.request",
            {"cpu": "2"},
            "$.spec.predictor.model.resources: Additional properties",
        ),
        ("embedded", "service-monitor", "selectors", {}, "selectors"),
        ("embedded", "service-monitor", "endpoints", {"port": "x"}, "$.spec.endpoints"),
        ("embedded", "service-monitor", "endpoints", [{"every": "1s"}], "every"),
    ],
)
def test_a_field_that_an_operator_does_not_know_is_found(
    tmp_path, server, file, place, value, fault
):
    wrong = manifests(deployment(server))[f"{file}.yaml"]
    *folders, name = place.split(".")
    spot = wrong["spec"]
    for folder in folders:
        spot = spot[folder]
    spot[name] = value
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(wrong))
    found = operator_schemas(path)
    assert len(found) == 1 and fault in found[0]


def pod(server, **changes):
    made = manifests(deployment(server, **changes))["deployment.yaml"]
    return made["spec"]["template"]["spec"]


@pytest.mark.parametrize("server", ["embedded", "tf-serving"])
def test_pods_have_no_rights_that_a_server_does_not_need(server):
    found = pod(server)
    assert found["securityContext"]["runAsUser"] == 65532
    container = found["containers"][0]["securityContext"]
    assert container["readOnlyRootFilesystem"]
    assert container["capabilities"] == {"drop": ["ALL"]}


def test_models_are_mounted_read_only_or_read_from_the_bucket():
    [container] = pod("embedded")["containers"]
    assert container["args"][0] == "/models/models"
    assert container["volumeMounts"][1] == {
        "name": "models",
        "mountPath": "/models",
        "readOnly": True,
    }
    [container] = pod("tf-serving")["containers"]
    assert "--model_base_path=s3://bucket/models" in container["args"]
    assert container["envFrom"] == [{"secretRef": {"name": "s3"}}]


def test_selectors_find_the_pods():
    made = manifests(deployment("embedded"))
    labels = made["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        made["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        made["service.yaml"]["spec"]["selector"],
        made["disruption-budget.yaml"]["spec"]["selector"]["matchLabels"],
        made["network-policy.yaml"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    names = {port["name"] for port in made["service.yaml"]["spec"]["ports"]}
    assert made["service-monitor.yaml"]["spec"]["endpoints"][0]["port"] in names


def test_options_are_those_of_the_embedded_server():
    import inspect

    from kinescribe.commands import serve

    known = {
        f"--{name.replace('_', '-')}"
        for name in inspect.signature(serve.command).parameters
    }
    [container] = pod("embedded")["containers"]
    assert {a for a in container["args"] if a.startswith("--")} <= known


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"server": "embedded", "models": "pvc://c/m"}, "has no public image"),
        ({"server": "tf-serving", "models": "/models"}, "means nothing in a cluster"),
        (
            {"server": "tf-serving", "models": "gs://b/m", "canary_percent": 5},
            "only kserve divides calls",
        ),
        ({"server": "triton", "models": "gs://b/m"}, "server"),
    ],
)
def test_what_could_not_be_served_is_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Deployment.from_dict(changes)
