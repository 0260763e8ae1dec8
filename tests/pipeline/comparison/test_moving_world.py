"""The data of a comparison: every row reads it, and what it can tell is known."""

import numpy as np
import pytest

from keras_models.captioner import Captioner
from keras_models.presets.adaptation import adapt
from keras_models.presets.registry import PRESETS
from pipeline.comparison.moving_world import (
    COMPACT_SPEC,
    DIAGNOSTIC,
    Counts,
    bounds,
    corpus_config,
    prepare,
)
from tests.support import tiny
from transform.common.config import ConfigError
from transform.extractors.clip_extractor import Extractor
from transform.moving_world import UNUSED_SEEDS, render_clip, sample_scene
from transform.moving_world.corpus import clips

LITTLE = Counts(4, 2, 2)


@pytest.mark.parametrize("name", PRESETS)
def test_every_row_reads_the_compact_features(name):
    model = adapt(PRESETS[name].model, COMPACT_SPEC).model
    assert set(model.features()) <= {f.name for f in COMPACT_SPEC.features}
    model.encoder.build(COMPACT_SPEC)


@pytest.mark.parametrize(
    ("name", "stand_ins"),
    [
        ("mgsa_ic", {"inception_resnet_v2": "tiny", "c3d": "tiny3d_key_frames"}),
        (
            "stats_i3d_fl_c",
            {"i3d_rgb": "tiny3d_windows", "i3d_flow": "tiny3d_flow"},
        ),
        ("stats_fr", {"rcnn_regions": "objects"}),
        (
            "dual_afr_soft",
            {
                "c3d_fc7": "tiny3d_fc7",
                **{f"c3d_pool{n}": f"tiny3d_pool{n}" for n in (2, 3, 4, 5)},
            },
        ),
        (
            "vatex_spatial",
            {
                "resnext101": "tiny",
                "ir_csn": "tiny3d_key_frames",
                "vggish": "log_mel",
                "object_image": "objects",
                "object_motion": "object_windows",
            },
        ),
    ],
)
def test_every_input_of_a_row_has_one_of_its_kind(name, stand_ins):
    adapted = adapt(PRESETS[name].model, COMPACT_SPEC)
    assert adapted.replaced == stand_ins
    assert adapted.left_out == ()


@pytest.mark.parametrize(
    "name", ["dual_afr_soft", "dual_afr_hypercolumn", "stats_i3d_fl", "vatex_spatial"]
)
def test_a_row_at_a_small_size_computes_on_them(name):
    model = adapt(tiny.shrink(PRESETS[name].model), COMPACT_SPEC).model
    captioner = Captioner(model, COMPACT_SPEC, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    forced = captioner.teacher_force(tiny.batch(COMPACT_SPEC), training=False)
    assert np.all(np.isfinite(forced.log_probs))


def test_the_longest_clips_fit_the_specification(tmp_path):
    scenes = (sample_scene(UNUSED_SEEDS + n, "motion") for n in range(0, 200, 2))
    longest = max(scenes, key=lambda scene: scene.seconds)
    assert longest.seconds > 5.9
    clip = render_clip(longest, tmp_path / "clip.mp4")
    found = Extractor(COMPACT_SPEC).extract(clip)
    assert found.info.reason == ""
    assert found.info.frames == round(12 * longest.seconds)
    lengths = {name: len(found.features[name]) for name in found.features}
    pools = [lengths[f"tiny3d_pool{level}"] for level in (2, 3, 4, 5)]
    assert pools == [40, 20, 10, 5]
    for tensor in COMPACT_SPEC.tensors():
        if tensor.name in found.features:
            assert found.features[tensor.name].shape[1:] == tensor.step_shape
            assert lengths[tensor.name] <= tensor.max_steps


def test_subsets_are_rendered_and_extracted_once(tmp_path):
    datasets = prepare(tmp_path, LITTLE, ["sound"], workers=1)
    dataset = datasets["sound"]
    assert dataset.splits == ("test", "train", "val")
    assert len(dataset.manifest.rows) == sum(LITTLE)
    assert all(row.usable for row in dataset.manifest.rows)
    files = sorted(tmp_path.rglob("*.zip"))
    times = [path.stat().st_mtime_ns for path in files]
    prepare(tmp_path, LITTLE, ["sound"], workers=1)
    assert [path.stat().st_mtime_ns for path in files] == times


def test_what_cannot_be_prepared_is_said():
    with pytest.raises(ConfigError, match="subset 'mixed'; choose of motion, order"):
        corpus_config("mixed", LITTLE)
    with pytest.raises(ConfigError, match="4, 2, 3 should all be even"):
        corpus_config("motion", Counts(4, 2, 3))


@pytest.mark.parametrize(
    "subset",
    [
        pytest.param(subset, marks=() if subset == "motion" else pytest.mark.slow)
        for subset in DIAGNOSTIC
    ],
)
def test_a_twins_caption_lies_between_a_constant_and_a_person(subset):
    found = bounds(subset, Counts(60, 0, 60))
    for metric in ("CIDEr-D", "BLEU-4"):
        constant, twin, person = (scores[metric] for scores in found)
        assert constant < twin < person


def test_clips_of_two_subsets_share_no_id():
    ids = [
        clip.video_id
        for subset in DIAGNOSTIC
        for clip in clips(corpus_config(subset, Counts()))
    ]
    assert len(set(ids)) == len(ids)
