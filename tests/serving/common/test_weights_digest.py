import shutil
import subprocess
import sys

import pytest

from keras_models.generation import BeamSearch
from serving.common.errors import ServingError
from serving.common.signature_names import EXPORT_SETTINGS as SETTINGS
from serving.common.weights_digest import weights_digest
from serving.export.export import export
from tests.support.paths import ROOT
from tests.support.pushing import OTHER_SPEC, write_model
from transform.common.errors import KinescribeError

EXPORT = """
import pathlib, sys
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import BeamSearch
from serving.export.export import export

model = CaptioningModel.load(sys.argv[1])
export(model, sys.argv[2], BeamSearch(width=2))
"""


def test_two_processes_export_one_checkpoint_to_one_digest(captioning_model, tmp_path):
    checkpoint = tmp_path / "captioner"
    captioning_model.save(str(checkpoint))
    export(captioning_model, tmp_path / "one", BeamSearch(width=2))
    subprocess.run(
        [sys.executable, "-c", EXPORT, str(checkpoint), str(tmp_path / "two")],
        check=True,
        cwd=ROOT,
    )
    assert weights_digest(tmp_path / "one") == weights_digest(tmp_path / "two")
    index = "variables/variables.data-00000-of-00001"
    one, two = ((tmp_path / name / index).read_bytes() for name in ("one", "two"))
    assert len(one) == len(two)


def test_digest_changes_with_weights_words_features_and_search(tmp_path):
    digests = {weights_digest(write_model(tmp_path / "a", "a"))}
    assert {weights_digest(write_model(tmp_path / "again", "a"))} == digests
    digests.add(weights_digest(write_model(tmp_path / "b", "b")))
    digests.add(weights_digest(write_model(tmp_path / "c", "a", OTHER_SPEC)))
    words = shutil.copytree(tmp_path / "a", tmp_path / "words")
    (words / "assets" / "vocabulary.txt").write_text("a\ndog\n")
    digests.add(weights_digest(words))
    search = shutil.copytree(tmp_path / "a", tmp_path / "search")
    (search / SETTINGS).parent.mkdir()
    (search / SETTINGS).write_text('{"search": {"kind": "greedy"}}')
    digests.add(weights_digest(search))
    assert len(digests) == 5


def test_a_folder_that_tensorflow_takes_for_a_pattern_is_not_called_damaged(tmp_path):
    model = write_model(tmp_path / "runs [1]" / "a", "a")
    with pytest.raises(KinescribeError, match="pattern") as raised:
        weights_digest(model)
    assert "damaged" not in str(raised.value)


def test_damaged_weights_are_one_sentence(tmp_path):
    model = write_model(tmp_path / "a", "a")
    (model / "variables" / "variables.index").write_bytes(b"cut")
    with pytest.raises(ServingError, match="damaged"):
        weights_digest(model)
