"""The recipe "Add a feature and its extractor" of CONTRIBUTING.md, on a copy."""

import pathlib

import pytest

from tests.support import clips
from tests.support.source_copy import SourceCopy

UNION = pathlib.Path("transform", "schema", "features", "__init__.py")
FEATURE_MODULE = UNION.with_name("brightness.py")
EXTRACTOR_MODULE = pathlib.Path("transform", "extractors", "brightness.py")

FEATURE = '''\
"""`Brightness`: the mean grey level of each key frame."""

from __future__ import annotations

from typing import ClassVar, Literal

from transform.common.config import Config
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class Brightness(Config):
    """The mean grey level of each key frame, in 0…1: (N, 1)."""

    extractor: ClassVar[str] = "transform.extractors.brightness:BrightnessExtractor"

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

IMPORT = "from transform.schema.features.audio_words import AudioWords\n"
MEMBER = "        AudioWords,\n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source to which the feature was added as the recipe says."""
    copy = SourceCopy(tmp_path_factory.mktemp("source"), "transform")
    copy.add(FEATURE_MODULE, FEATURE)
    copy.add(EXTRACTOR_MODULE, EXTRACTOR)
    added = "from transform.schema.features.brightness import Brightness\n"
    copy.replace(
        UNION, {IMPORT: IMPORT + added, MEMBER: f"{MEMBER}        Brightness,\n"}
    )
    return copy


def test_a_feature_is_two_new_files_and_a_row_in_the_union(copy):
    assert copy.changed() == {FEATURE_MODULE, EXTRACTOR_MODULE, UNION}
    assert copy.added_lines(UNION) == 2  # the row, and its import


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
    copy.run(program, str(clip))
