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


# Prints one JSON object. Each push is in a process of its own, which S3 is known to but
# has not been spoken with before; one that is killed is so before one of its writes.
KILLS = """
import gzip, json, os, pathlib, signal, sys
from transform.common import filesystems
filesystems.register(["s3://"])
import tensorflow as tf
from serving.common.weights_digest import weights_digest
from serving.pushing import destination
from serving.pushing.push import push
from serving.pushing.run_folders import RunFolders
from tests.support.manifests import row
from tests.support.pushing import RECORD, write_model
from transform.records.manifest import Manifest

folder, place, found = pathlib.Path(sys.argv[1]), "s3://bucket/models", {}

def apart(work, *arguments):
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ends[1], json.dumps(work(*arguments)).encode())
        os._exit(0)
    os.close(ends[1])
    with os.fdopen(ends[0]) as said:
        text = said.read()
    ended = os.waitpid(child, 0)[1]
    return "killed" if os.WIFSIGNALED(ended) else json.loads(text)

def pushed(name):
    model = write_model(folder / name, name)
    record = RECORD.replace(weights_digest=weights_digest(model))
    try:
        push(str(model), place, record, RunFolders(records=str(folder / "records")))
    except tf.errors.NotFoundError as error:
        return error.message
    return name

def killed(name, left):
    def counted(write):
        def call(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*arguments, **options)
        return call
    for write in ("copy", "makedirs", "remove", "rename"):
        setattr(tf.io.gfile, write, counted(getattr(tf.io.gfile, write)))
    return pushed(name)

def served():
    contents = []
    for version in destination.versions(place):
        reader = tf.train.load_checkpoint(f"{version.folder}/variables/variables")
        kept = f"{version.folder}/{destination.MANIFEST}"
        with tf.io.gfile.GFile(kept, "rb") as file:
            text = gzip.decompress(file.read()).decode()
        contents.append([reader.get_tensor("weights").decode(), "a.mp4" in text])
    return contents

found["without"] = [apart(pushed, "a"), apart(served)]
Manifest([row("a", "train")]).write(str(folder / "records"))
found["first"] = [apart(pushed, "a"), apart(served)]
found["kills"] = []
for number in range(100):
    if apart(killed, "b", number) != "killed":
        break
    found["kills"].append(apart(served))
    if len(found["kills"][-1]) > 1:
        break
found["last"] = [apart(pushed, "b"), apart(served)]
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


def test_a_push_that_is_killed_or_lacks_its_manifest_leaves_no_half_version(tmp_path):
    with buckets.serving("bucket") as environment:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", KILLS, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    said, versions = found["without"]
    assert "manifest.csv" in said and versions == []
    old, new = ["a", True], ["b", True]
    assert found["first"] == ["a", [old]]
    assert found["kills"].count([old]) >= 8
    assert all(served in ([old], [old, new]) for served in found["kills"])
    assert found["last"] == ["b", [old, new]]
