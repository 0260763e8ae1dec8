import numpy as np
import pytest

from keras_models.encoders.grid import GridConfig
from tests.support import models
from tests.support.layer_contract import check_layer
from transform.common.config import ConfigError
from transform.schema import FeatureSpec, Imported


def test_cells_are_handed_on_and_frames_are_their_means():
    model = models.captioner("spatial_attention")
    video = models.video()
    encoded = model.encode(video)
    grid = video.features["grid"].numpy().astype(np.float32)  # (3, 4, 2, 2, 6)
    mask = video.masks["grid"].numpy()
    cells = np.where(mask[..., None, None], grid.reshape(3, 4, 4, 6), 0)
    np.testing.assert_array_equal(encoded.grids[0], cells)
    np.testing.assert_array_equal(encoded.grid_masks[0].numpy().all(axis=2), mask)
    np.testing.assert_allclose(encoded.frames, cells.mean(axis=2), rtol=1e-5)


def test_contract():
    model = models.captioner("spatial_attention")
    shapes = model.encode(models.video())._replace(
        frames=(3, 4, 6),
        frame_mask=(3, 4),
        grids=((3, 4, 4, 6),),
        grid_masks=((3, 4, 4),),
        summary=(3, 6),
    )
    check_layer(
        model.encoder,
        lambda: model.encode(models.video()),
        shapes=shapes,
        config=model.config.encoder,
    )


def test_regions_are_refused():
    spec = FeatureSpec(features=(Imported(name="r", shape=(5, 3), max_steps=4),))
    with pytest.raises(ConfigError, match="5 regions of r have none"):
        GridConfig(grid="r").build(spec)
