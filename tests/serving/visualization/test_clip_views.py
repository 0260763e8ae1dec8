from __future__ import annotations

import numpy as np
import pytest

from serving.client.local_model import LocalModel
from serving.visualization import clip_views


def test_a_view_pairs_words_and_key_frames_with_their_weights(exported, clip, spec):
    model = LocalModel(exported)
    extraction = model.extract(clip, keep_frames=True)
    result = model.caption_extraction(extraction)
    view = clip_views.of_extraction(spec, extraction, result)
    assert view.key_frames.shape == (4, 168, 224, 3)  # as wide as 4 : 3
    assert view.spatial.shape == (4, 2, 2)
    np.testing.assert_allclose(view.spatial.sum((1, 2)), 1, rtol=1e-5)
    assert view.temporal.shape == (len(view.words), 4)
    np.testing.assert_allclose(view.temporal.sum(1), 1, rtol=1e-5)
    assert view.words == result.words[0]
    assert view.flow is extraction.features["flow"]


def test_a_clip_of_fewer_frames_has_fewer_columns(exported, clip, spec):
    model = LocalModel(exported)
    extraction = model.extract(clip, end=0.2, keep_frames=True)
    result = model.caption_extraction(extraction)
    view = clip_views.of_extraction(spec, extraction, result)
    steps = len(view.key_frames)
    assert 0 < steps < 4
    assert len(view.spatial) == len(view.flow) == steps
    assert view.temporal.shape[1] == steps


def test_what_the_model_does_not_tell_is_not_drawn(exported, clip, spec):
    model = LocalModel(exported)
    extraction = model.extract(clip, keep_frames=True)
    result = model.caption_extraction(extraction)._replace(attention={})
    view = clip_views.of_extraction(spec, extraction, result)
    assert view.spatial.size == 0
    assert view.temporal.shape == (0, 4)


def test_stored_features_need_only_the_key_frames_of_the_file(exported, clip, spec):
    model = LocalModel(exported)
    extraction = model.extract(clip, keep_frames=True)
    result = model.caption_extraction(extraction)
    kept = clip_views.of_extraction(spec, extraction, result)
    key_frames = clip_views.read_key_frames(clip, spec)
    read = clip_views.view(spec, key_frames, extraction.features, result)
    np.testing.assert_array_equal(kept.key_frames, read.key_frames)
    np.testing.assert_array_equal(kept.flow, read.flow)


def test_an_extraction_without_frames_is_refused(exported, clip, spec):
    model = LocalModel(exported)
    extraction = model.extract(clip)
    result = model.caption_extraction(extraction)
    with pytest.raises(ValueError, match="keep_frames"):
        clip_views.of_extraction(spec, extraction, result)
