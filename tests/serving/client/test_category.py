import numpy as np
import pytest

from transform.records.example_codec import UnknownCategoryError


def test_category_of_a_request_counts(category_model, clip):
    results = [
        category_model.caption_file(clip, category=category)
        for category in ("", "animals", "music")
    ]
    log_probs = [result.log_probs[0] for result in results]
    assert np.isfinite(log_probs).all()
    assert len(set(log_probs)) == 3


def test_unknown_category_is_answered_with_the_known_ones(category_model, clip):
    with pytest.raises(UnknownCategoryError, match=r"'cars'; .* has animals, music"):
        category_model.caption_file(clip, category="cars")
