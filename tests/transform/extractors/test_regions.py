import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tests.support import clips
from transform.backbones import loading, mask_rcnn
from transform.backbones.boxes import Detections
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsFile
from transform.extractors.clip_extractor import Extractor
from transform.extractors.regions import RegionsExtractor
from transform.schema import (
    ChunkMap,
    FeatureSpec,
    FrameMap,
    FrameSampling,
    KeyFrames,
    Objects,
    Regions,
    Strided,
    WholeClip,
)
from transform.video import reader
from transform.video.clip import Clip

SAMPLING = FrameSampling(frames=3)
MAP = FrameMap(network="cells", layer="map", size=64, grid=(16, 16), width=3)
CHUNKS = ChunkMap(
    network="cells", layer="map", size=64, chunk=8, map_times=2, grid=(16, 16), width=3
)
# Of the frame: the lower half without its edge, which is 40 green and 200 blue.
LOWER = (0.6, 0.1, 0.9, 0.9)


class Cells:
    """The mean colour of each cell of 4 × 4 pixels, and of every four frames."""

    def weights(self, feature):
        return WeightsFile(None, "cells")

    def model(self, feature, weights):
        if hasattr(feature, "chunk"):
            frames = tf.keras.Input((feature.chunk, 64, 64, 3))
            return tf.keras.Model(frames, tf.keras.layers.AveragePooling3D(4)(frames))
        frames = tf.keras.Input((64, 64, 3))
        return tf.keras.Model(frames, tf.keras.layers.AveragePooling2D(4)(frames))


class Lower:
    """Finds one object, in the lower half, and says the picture's mean and window."""

    def weights(self, feature):
        return WeightsFile(None, "lower")

    def model(self, feature, weights):
        def detect(frames, window, training):
            batch = tf.shape(frames)[0]
            first = tf.one_hot(0, feature.count)[None]  # (1, R)
            said = tf.concat(
                [
                    tf.reduce_mean(frames, axis=(1, 2)),
                    tf.tile(window[None], [batch, 1]),
                    tf.zeros([batch, 1024 - 7]),
                ],
                axis=-1,
            )
            scores = tf.tile(first, [batch, 1])
            boxes = tf.constant(LOWER) * scores[..., None]
            features = said[:, None] * scores[..., None]
            return Detections(boxes, scores, tf.cast(scores, tf.int32), features)

        return detect


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    monkeypatch.setattr(loading, "NETWORKS", {"cells": Cells()})
    monkeypatch.setattr(loading, "CHUNK_NETWORKS", {"cells": Cells()})
    monkeypatch.setattr(loading, "DETECTORS", {"mask_rcnn": Lower()})
    loads = (
        loading.load,
        loading.load_chunks,
        loading.load_detector,
        loading._detector,
    )
    for load in loads:
        load.cache_clear()
    yield
    for load in loads:
        load.cache_clear()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.write(tmp_path_factory.mktemp("clips") / "clip.mp4", 40)


def feature(**settings) -> Regions:
    return Regions(**{"name": "regions", "count": 4, "size": 64, **settings})


def extract(path, wanted: Regions) -> np.ndarray:
    extractor = RegionsExtractor(wanted, SAMPLING)
    frames = reader.read_frames(path, SAMPLING, extractor.frame_requests())
    return extractor.extract(Clip(path, frames))


def test_own_features_are_the_detectors(clip):
    found = extract(clip, feature())
    assert found.shape == (3, 4, 1024)
    assert not np.any(found[:, 1:])
    # 160 × 120 pixels stand between rows 8 and 56 of 64.
    np.testing.assert_allclose(found[:, 0, 3:7], [[8, 0, 56, 64]] * 3)


def test_frame_lies_in_the_middle_of_black(clip):
    extractor = RegionsExtractor(feature(), SAMPLING)
    frames = reader.read_frames(clip, SAMPLING, extractor.frame_requests())
    frame_set = frames.frame_sets[extractor.frame_requests()[0]]
    pictures = frame_set.frames[frame_set.rows[:, 0]]
    assert not np.any(pictures[:, :8]) and not np.any(pictures[:, 56:])
    assert pictures[:, 8:56].min() > 10
    numbers = [clips.number_of(picture[8:56]) for picture in pictures]
    assert numbers == [6, 20, 33]


def test_turned_clip_has_its_black_beside_it(tmp_path):
    path = clips.write(tmp_path / "high.mp4", 8, size=(120, 160))
    found = extract(path, feature())
    np.testing.assert_allclose(found[:, 0, 3:7], [[0, 8, 64, 56]] * 3)


@pytest.mark.parametrize("source", [MAP, CHUNKS], ids=["frame", "chunk"])
@pytest.mark.parametrize("at", [KeyFrames(), Strided(frames=8, max_steps=4)])
def test_region_of_a_map_is_what_lies_in_the_box(clip, source, at):
    found = extract(clip, feature(source=source, at=at))
    assert found.shape == (3 if at == KeyFrames() else 4, 4, 3)
    assert not np.any(found[:, 1:])
    np.testing.assert_allclose(found[:, 0, 1], 40, atol=12)  # chroma is subsampled
    np.testing.assert_allclose(found[:, 0, 2], 200, atol=12)


def test_maps_come_from_the_frames_that_the_detector_sees(clip):
    every = Strided(frames=8, max_steps=5)
    wanted = RegionsExtractor(feature(source=MAP, at=every), SAMPLING).frame_requests()
    plans = [reader.read_frames(clip, SAMPLING, wanted).frame_sets[w] for w in wanted]
    numbers = [
        [clips.number_of(picture[top : top + height]) for picture in plan.frames]
        for plan, (top, height) in zip(plans, ((8, 48), (0, 64)), strict=True)
    ]
    assert numbers[0] == numbers[1] == [4, 12, 20, 28, 36]


def test_more_frames_than_are_cut_out_at_once(clip):
    every = Strided(frames=2, max_steps=20)
    found = extract(clip, feature(source=MAP, at=every))
    some = extract(clip, feature(source=MAP, at=every.replace(max_steps=5)))
    assert found.shape == (20, 4, 3)
    np.testing.assert_allclose(found[:5], some, rtol=1e-5, atol=1e-4)


def test_clip_on_which_no_box_passes_gives_zeros(clip, monkeypatch):
    sizes = mask_rcnn.Sizes((1, 1, 1, 1), 4, 4, 4, head=1024, classes=1)  # background
    detector = mask_rcnn.MASK_RCNN._replace(sizes=sizes)
    monkeypatch.setattr(loading, "DETECTORS", {"mask_rcnn": detector})
    blind = feature(weights="random", select=Objects(min_score=0.0))
    spec = FeatureSpec(
        sampling=SAMPLING, features=(blind, blind.replace(name="map", source=MAP))
    )
    found = Extractor(spec).extract(clip)
    assert found.info.status == "ok"
    assert found.features["regions"].shape == (3, 4, 1024)
    assert found.features["map"].shape == (3, 4, 3)
    for values in found.features.values():
        assert not np.any(values)


# -------------------------------------------------------------------------- schema


def test_step_is_as_many_vectors_as_regions():
    assert feature().tensor(SAMPLING).step_shape == (4, 1024)
    every = Strided(frames=16, max_steps=7)
    tensor = feature(source=MAP, at=every).tensor(SAMPLING)
    assert (tensor.max_steps, tensor.step_shape) == (7, (4, 3))


def test_hash_of_a_maps_weights_becomes_part_of_the_specification(tmp_path):
    spec = FeatureSpec(features=(feature(source=MAP.replace(weights="here")),))
    resolved = loading.resolve(spec)
    assert resolved.features[0].weights_sha256 == "lower"
    assert resolved.features[0].source.weights_sha256 == "cells"
    other = FeatureSpec(features=(feature(source=MAP.replace(weights="there")),))
    assert other.content_hash == spec.content_hash != resolved.content_hash


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"source": CHUNKS, "at": WholeClip(max_frames=64)},
            "whole clips have no chunks",
        ),
        (
            {"source": CHUNKS, "at": Strided(frames=4, max_steps=9)},
            "8 frames are longer",
        ),
        ({"size": 100}, "multiple of 64"),
        ({"detector": "yolo"}, "permitted: 'mask_rcnn', 'faster_rcnn'"),
    ],
)
def test_what_cannot_be_is_refused(settings, says):
    with pytest.raises((ConfigError, ValidationError), match=says):
        feature(**settings)


def test_map_of_another_shape_is_refused(clip):
    with pytest.raises(ConfigError, match="gives 16 × 16 × 3 for frames of 64"):
        RegionsExtractor(feature(source=MAP.replace(grid=(8, 8))), SAMPLING)


def test_one_detection_serves_every_feature_of_its_settings(clip, monkeypatch):
    runs = []
    load = loading._FrozenDetector.__call__

    def counting(self, frames, window):
        runs.append(len(frames))
        return load(self, frames, window)

    monkeypatch.setattr(loading._FrozenDetector, "__call__", counting)
    wanted = (
        feature(name="own"),
        feature(name="mapped", source=MAP),
        feature(name="chunked", source=CHUNKS),
        feature(name="sparse", at=Strided(frames=20, max_steps=4)),
    )
    spec = loading.resolve(FeatureSpec(sampling=SAMPLING, features=wanted))
    together = Extractor(spec).extract(clip).features
    assert runs == [3, 2]  # frames: of three features, and of the one elsewhere
    for one in spec.features:
        np.testing.assert_array_equal(
            together[one.name], extract(clip, one).astype(np.float16)
        )
