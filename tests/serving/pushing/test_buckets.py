"""Pushing to S3, against moto's server: see `make deploy-tools`."""

import json
import pathlib
import subprocess
import sys

import pytest

from tests.support import buckets

pytestmark = pytest.mark.slow

# Prints one JSON object: what was found at each step.
PUSHES = """
import json, os, pathlib, sys, threading
from transform.common import filesystems
filesystems.register(["s3://"])
import tensorflow as tf
from serving.common import model_versions
from serving.pushing import destination, rollback
from serving.pushing.baseline import choose_baseline
from serving.pushing.push import push
from serving.common.weights_digest import weights_digest
from tests.support.pushing import RECORD, write_model

folder, place = pathlib.Path(sys.argv[1]), "s3://bucket/models"
found = {}

def pushed(name):
    model = write_model(folder / name, name)
    return push(str(model), place, RECORD.replace(weights_digest=weights_digest(model)))

def content(version):
    reader = tf.train.load_checkpoint(f"{version.folder}/variables/variables")
    return reader.get_tensor("weights").decode()

first = pushed("a")
found["again"] = pushed("a") == first
second = pushed("b")
found["versions"] = [content(v) for v in destination.versions(place)]
found["baseline"] = choose_baseline(str(folder / "a"), place).version == second.version

copy, left, found["killed"] = tf.io.gfile.copy, [0], []
class Killed(BaseException): pass
def killed(*arguments, **options):
    left[0] -= 1
    if left[0] < 0:
        raise Killed
    return copy(*arguments, **options)
for number in range(4):
    left[0], tf.io.gfile.copy = number, killed
    try:
        pushed("c")
        found["killed"].append("ended")
    except Killed:
        found["killed"].append(content(destination.latest(place)))
    finally:
        tf.io.gfile.copy = copy

third = pushed("c")
found["after"] = content(destination.latest(place))
rollback.roll_back(place, "worse")
found["rolled back to"] = content(destination.latest(place))

threads = [threading.Thread(target=pushed, args=(name,)) for name in "de"]
for thread in threads: thread.start()
for thread in threads: thread.join()
newest = destination.versions(place)[-2:]
found["two writers"] = sorted(content(version) for version in newest)
module = tf.Module()
module.twice = tf.function(
    lambda x: 2 * x, input_signature=[tf.TensorSpec([], tf.float32)]
)
tf.saved_model.save(module, "s3://bucket/doubling/1")
loaded = tf.saved_model.load(model_versions.resolve("s3://bucket/doubling"))
found["served from there"] = float(loaded.twice(21.0))
print(json.dumps(found))
sys.stdout.flush()
os._exit(0)
"""


def test_a_bucket_is_pushed_to_compared_with_rolled_back_and_shared(tmp_path):
    with buckets.serving("bucket") as environment:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PUSHES, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found == {
            "again": True,
            "versions": ["a", "b"],
            "baseline": True,
            "killed": ["b"] * 4,
            "after": "c",
            "rolled back to": "b",
            "two writers": ["d", "e"],
            "served from there": 42.0,
        }
        told = subprocess.run(
            [
                pathlib.Path(sys.executable).with_name("kinescribe"),
                *("models", "s3://bucket/models", "--json"),
            ],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert told.returncode == 0, told.stderr  # and not 134, an abort at exit
        states = [state["state"] for state in json.loads(told.stdout)]
        assert states.count("live") == 1
        assert states.count("rolled back") == 1
