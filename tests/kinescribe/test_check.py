"""`kinescribe check`, in the process of its own that it runs in."""

import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from keras_models.presets import registry
from kinescribe import cli, preflight
from kinescribe.run_options import RunArguments
from pipeline import configs
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError


def check(*words):
    done = CliRunner().invoke(cli.app, ["check", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def test_annotations_that_are_not_there_are_told_in_three_seconds(tmp_path):
    began = time.monotonic()
    done = check("demo", "--set", f"corpus.files=[{tmp_path}/absent.json]", "--json")
    assert time.monotonic() - began < 9  # on a busy machine; 1.2 s on an idle one
    answer = json.loads(done.stdout)
    assert done.exit_code == 1 and not answer["ok"]
    assert [error["about"] for error in answer["errors"]] == ["annotations"]
    assert "absent.json" in answer["errors"][0]["message"]


def test_a_typo_is_told_with_what_was_meant_and_no_traceback():
    done = check("demo", "--set", "training.batc.size=3")
    assert done.exit_code == 1
    assert "unknown key training.batc (did you mean batch?)" in done.stdout


@pytest.mark.parametrize("purpose", ["run", "extract", "train", "compile"])
def test_commands_that_read_a_configuration_refuse_a_wrong_one(purpose, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(configs.shipped()["demo"].read_text().replace("max_words", "words"))
    with pytest.raises(ConfigError, match=r"training\.words"):
        preflight.require(purpose, RunArguments(str(path)))


def test_a_pipeline_is_compiled_without_the_data_that_a_cluster_has(capsys, tmp_path):
    arguments = RunArguments("demo", settings=("corpus.files=[absent.json]",))
    preflight.require("compile", arguments)
    assert "warning: annotations: cannot read absent.json" in capsys.readouterr().err
    with pytest.raises(KinescribeError, match=r"absent\.json"):
        preflight.require("run", arguments)


def test_a_root_in_a_bucket_is_for_clusters_and_no_run_here(capsys):
    arguments = RunArguments("demo", root="gs://bucket/captions")
    preflight.require("compile", arguments)
    assert "bucket" not in capsys.readouterr().err
    with pytest.raises(KinescribeError, match="gs://bucket/captions is in a bucket"):
        preflight.require("run", arguments)


def test_every_presets_settings_are_the_same_without_tensorflow():
    program = """
import json
from kinescribe import settings_only
settings_only.install()
from keras_models.presets import registry
from keras_models.presets.paper_features import paper_spec
from pipeline import configs
digests = {}
for name, preset in registry.PRESETS.items():
    preset.model.encoder.build(paper_spec(preset.model))
    digests[name] = preset.digest()
print(json.dumps([configs.find("demo").digest(), digests]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    demo, digests = json.loads(done.stdout)
    assert demo == configs.find("demo").digest()
    assert digests == {n: preset.digest() for n, preset in registry.PRESETS.items()}


def test_a_stand_in_gives_no_values():
    program = """
from kinescribe import settings_only
settings_only.install()
import tensorflow as tf
@tf.keras.utils.register_keras_serializable("ours")
class Layer(tf.keras.layers.Layer):
    def call(self): return 3
assert Layer(units=4).call() == 3
for ask in (bool, len, list, float):
    try:
        ask(tf.io.gfile.exists("x"))
    except settings_only.NeedsTensorFlowError:
        continue
    raise SystemExit(ask.__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [["variants", "--json"], ["presets"], ["preset", "vre", "--corpus", "msvd"]],
)
def test_lists_are_printed_without_tensorflow(words):
    program = f"""
import sys
from kinescribe import cli, settings_only
sys.argv = ["kinescribe", *{words}]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code
found = sys.modules.get("tensorflow")
assert found is None or type(found).__module__ == "kinescribe.settings_only"
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 1000
