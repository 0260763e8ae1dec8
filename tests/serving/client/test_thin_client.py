"""The client of a server imports no network that it does not need."""

import subprocess
import sys

NETWORKS = (
    "c3d",
    "efficientnet_lite",
    "googlenet",
    "i3d",
    "ir_csn",
    "keras_applications",
    "mask_rcnn",
    "resnext",
    "tiny",
    "tiny3d",
    "tiny_detector",
    "vggish",
)


def test_the_grpc_client_imports_no_network():
    code = (
        "import sys, serving.client.grpc_client\n"
        "print(*(name for name in sys.modules if 'transform.backbones.' in name))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = {name.rpartition(".")[2] for name in output.stdout.split()}
    assert "batching" in imported  # what is looked for is there
    assert not imported.intersection(NETWORKS)
