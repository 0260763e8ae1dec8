import numpy as np

from tests.reference.lstm import lstm
from tests.support import tiny


def test_the_summary_is_the_last_state_of_the_frames_that_are_there():
    model = tiny.captioner("dual_afr_resnet")
    video = tiny.batch(model.spec).video
    encoder = model.encoder
    w, b = encoder.inputs.kernel.numpy().T, encoder.inputs.bias.numpy()
    u = encoder.lstm.recurrent.kernel.numpy().T
    encoded = model.encode(video)
    grid = video.features["resnet152_grid"].numpy().astype(np.float64)
    for clip, mask in enumerate(video.masks["resnet152_grid"].numpy()):
        h, c = np.zeros(6), np.zeros(6)
        for frame in grid[clip][mask]:
            h, c = lstm(frame.mean(axis=(0, 1)), h, c, w, u, b)
        np.testing.assert_allclose(encoded.summary[clip], h, rtol=1e-5, atol=1e-6)
