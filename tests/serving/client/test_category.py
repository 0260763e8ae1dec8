import numpy as np
import pytest

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import Greedy
from keras_models.presets import registry
from serving.client.local_model import LocalModel
from serving.export.export import export
from transform.records.example_codec import UnknownCategoryError
from transform.schema import Category, FeatureSpec


@pytest.fixture(scope="module")
def model(spec, vocabulary, tmp_path_factory):
    """A model that reads what a clip is about."""
    of_category = FeatureSpec(
        sampling=spec.sampling,
        features=(*spec.features, Category(names=("animals", "music"))),
    )
    config = registry.get("mgsa").model.override(
        {
            "encoder": {
                "grid": "tiny",
                "spatial": {"channels": [4, 4]},
                "fused": [{"kind": "clip_mean", "feature": "category"}],
            },
            "attentions": [{"kind": "additive", "units": 8}],
            "decoder": {"units": 16, "embedding": 8},
        }
    )
    captioner = Captioner(config, of_category, len(vocabulary), max_words=6)
    captioner.build_from_spec()
    folder = tmp_path_factory.mktemp("exported") / "model"
    export(CaptioningModel(captioner, vocabulary), folder, Greedy())
    return LocalModel(folder)


def test_category_of_a_request_counts(model, clip):
    results = [
        model.caption_file(clip, category=category)
        for category in ("", "animals", "music")
    ]
    log_probs = [result.log_probs[0] for result in results]
    assert np.isfinite(log_probs).all()
    assert len(set(log_probs)) == 3


def test_unknown_category_is_answered_with_the_known_ones(model, clip):
    with pytest.raises(UnknownCategoryError, match=r"'cars'; .* has animals, music"):
        model.caption_file(clip, category="cars")
