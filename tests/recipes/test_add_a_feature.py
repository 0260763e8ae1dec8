"""The recipe "Add a feature and its extractor" of CONTRIBUTING.md, on a copy."""

import filecmp
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.support import clips
from tests.support.paths import ROOT

UNION = pathlib.Path("transform", "schema", "features", "__init__.py")
TABLE = pathlib.Path("transform", "extractors", "__init__.py")
FEATURE_MODULE = UNION.with_name("brightness.py")
EXTRACTOR_MODULE = TABLE.with_name("brightness.py")

FEATURE = '''\
"""`Brightness`: the mean grey level of each key frame."""

from __future__ import annotations

from typing import Literal

from transform.common.config import Config
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class Brightness(Config):
    """The mean grey level of each key frame, in 0…1: (N, 1)."""

    kind: Literal["brightness"] = "brightness"
    name: str = "brightness"
    size: int = 16

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        return FeatureLayout(self.name, sampling.frames, (1,), Raw())
'''

EXTRACTOR = '''\
"""`Brightness` of a clip."""

from __future__ import annotations

import numpy as np

from transform.schema.features.brightness import Brightness
from transform.schema.frame_placement import FrameSampling
from transform.video.clip import Clip
from transform.video.frame_requests import FrameRequest


class BrightnessExtractor:
    """Measures the mean grey level of each key frame."""

    def __init__(self, feature: Brightness, sampling: FrameSampling):
        del sampling
        self._frames = FrameRequest(feature.size, pixels="gray")

    def frame_requests(self) -> tuple[FrameRequest, ...]:
        """Returns the request for the key frames."""
        return (self._frames,)

    def extract(self, clip: Clip) -> np.ndarray:
        """Returns (N, 1) float32."""
        frames = clip.frame_set(self._frames).first_frames()  # (N, size, size)
        return frames.mean(axis=(1, 2), dtype=np.float32)[:, np.newaxis] / 255
'''

# (file, a line of it, what is added behind that line)
LINES = (
    (
        UNION,
        "from transform.schema.features.audio_words import AudioWords\n",
        "from transform.schema.features.brightness import Brightness\n",
    ),
    (UNION, "        AudioWords,\n", "        Brightness,\n"),
    (
        TABLE,
        "from transform.extractors.audio_words import AudioWordsExtractor\n",
        "from transform.extractors.brightness import BrightnessExtractor\n"
        "from transform.schema.features.brightness import Brightness\n",
    ),
    (
        TABLE,
        "    AudioWords: AudioWordsExtractor,\n",
        "    Brightness: BrightnessExtractor,\n",
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to which the feature was added as the recipe says."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(
        ROOT / "transform",
        folder / "transform",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (folder / FEATURE_MODULE).write_text(FEATURE)
    (folder / EXTRACTOR_MODULE).write_text(EXTRACTOR)
    for file, line, added in LINES:
        text = (folder / file).read_text()
        assert text.count(line) == 1
        (folder / file).write_text(text.replace(line, line + added))
    return folder


def test_a_feature_is_two_new_files_and_a_row_in_a_union_and_a_table(copy):
    changed = set()
    for path in (copy / "transform").rglob("*"):
        name = path.relative_to(copy)
        if path.is_file() and "__pycache__" not in name.parts:
            old = ROOT / name
            if not old.exists() or not filecmp.cmp(path, old, shallow=False):
                changed.add(name)
    new = {name for name in changed if not (ROOT / name).exists()}
    assert new == {FEATURE_MODULE, EXTRACTOR_MODULE}
    assert changed - new == {UNION, TABLE}


def test_the_feature_is_specified_extracted_and_recorded(copy, tmp_path):
    clip = clips.write(tmp_path / "a.mp4", 12)
    program = """
import sys
import numpy as np
import transform
from transform.extractors.clip_extractor import Extractor
from transform.records import example_codec
from transform.schema import FeatureSpec

assert transform.__path__[0].startswith(__import__("os").getcwd())
spec = FeatureSpec.from_dict(
    {"sampling": {"frames": 4}, "features": [{"kind": "brightness"}]}
)
assert FeatureSpec.from_json(spec.to_json()) == spec
features = Extractor(spec).extract(sys.argv[1]).features
assert features["brightness"].shape == (4, 1)
assert (0 < features["brightness"]).all() and (features["brightness"] < 1).all()
video = example_codec.VideoExample("a", (), features)
example = example_codec.to_example(video, spec)
read = example_codec.from_example(example, spec).features["brightness"]
np.testing.assert_array_equal(read, features["brightness"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(clip)],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
