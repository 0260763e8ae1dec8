import numpy as np
import pytest
import tensorflow as tf

from keras_models.encoders.dual_afr import DualAFRConfig
from keras_models.encoders.level_alignment import ConvLevelConfig, IdentityLevelConfig
from tests.support import tiny
from transform.common.config import ConfigError
from transform.schema import FeatureSpec, FrameSampling


def test_paper_sizes_are_the_defaults():
    *convolved, last = DualAFRConfig().levels
    sizes = [(level.kernel, level.ratio, level.filters) for level in convolved]
    assert sizes == [(7, 8, 512), (5, 4, 512), (3, 2, 512)]
    assert last == IdentityLevelConfig(feature="c3d_pool5")


def test_the_summary_is_the_mean_of_the_windows_that_are_there():
    model = tiny.captioner("dual_afr_soft")
    video = tiny.batch(model.spec).video
    summary = model.encode(video).summary.numpy()
    values = video.features["c3d_fc7"].numpy().astype(np.float32)
    for clip, mask in enumerate(video.masks["c3d_fc7"].numpy()):
        np.testing.assert_allclose(summary[clip], values[clip][mask].mean(0), rtol=1e-5)


def test_levels_have_the_same_places_and_their_own_masks():
    model = tiny.captioner("dual_afr_soft")
    encoded = model.encode(tiny.batch(model.spec).video)
    assert {tuple(grid.shape) for grid in encoded.grids} == {(2, tiny.STEPS, 4, 9)}
    steps = [mask.numpy()[1, :, 0].sum() for mask in encoded.grid_masks]
    assert steps == [3, 3, 3, 2]  # pool5 of the short clip lacks its last step
    assert not np.any(encoded.grids[3].numpy()[1, 2])


def test_a_shorter_level_is_masked_behind_its_end():
    model = tiny.captioner("dual_afr_soft")
    video = tiny.batch(model.spec).video
    name = "c3d_pool5"
    features = video.features | {name: video.features[name][:, :2]}
    masks = video.masks | {name: video.masks[name][:, :2]}
    encoded = model.encode(video._replace(features=features, masks=masks))
    assert encoded.grids[3].shape == (2, tiny.STEPS, 4, 9)
    assert encoded.grid_masks[3].numpy()[:, :, 0].tolist() == [[True, True, False]] * 2
    assert not np.any(encoded.grids[3].numpy()[:, 2])


def _spec(*names):
    features = tuple(tiny.FEATURES[name] for name in names)
    return FeatureSpec(sampling=FrameSampling(frames=3, window=2), features=features)


def test_levels_of_other_widths_are_refused():
    config = DualAFRConfig(
        levels=(
            ConvLevelConfig(feature="c3d_pool4", kernel=1, ratio=2, filters=8),
            IdentityLevelConfig(),
        )
    )
    spec = _spec("c3d_fc7", "c3d_pool4", "c3d_pool5")
    encoder = config.build(spec)
    with pytest.raises(ConfigError, match="c3d_pool4 4 × 8, c3d_pool5 4 × 9"):
        encoder(widened(spec))


def widened(spec):
    video = tiny.batch(spec).video
    features = {name: tf.cast(v, tf.float32) for name, v in video.features.items()}
    return video._replace(features=features)


def test_a_level_of_regions_is_refused():
    config = DualAFRConfig(levels=(IdentityLevelConfig(feature="rcnn_regions"),))
    with pytest.raises(ConfigError, match=r"'rcnn_regions' is wrong: .* 2 regions"):
        config.build(_spec("c3d_fc7", "rcnn_regions"))
