import pytest

from keras_models.captioner import Captioner
from keras_models.captioner_config import Variant
from keras_models.presets import registry
from keras_models.presets.registry import VARIANTS
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec, Imported


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_survives_json(name):
    assert Variant.from_json(VARIANTS[name].to_json()) == VARIANTS[name]


def test_all_variants_differ_in_more_than_their_names():
    parts = {variant.to_json() for variant in VARIANTS.values()}
    assert len(parts) == len(VARIANTS)


def test_the_rows_of_mgsa_table_2_differ_in_the_spatial_attention_alone():
    names = ["mgsa", "mgsa_no_garu", "spatial_attention_garu", "spatial_attention"]
    kinds = [
        (spatial.kind, spatial.recurrence.kind)
        for spatial in (VARIANTS[name].encoder.spatial for name in names)
    ]
    assert kinds == [
        ("flow_guide", "garu"),
        ("flow_guide", "direct"),
        ("appearance_guide", "garu"),
        ("appearance_guide", "direct"),
    ]
    for name in names:
        same = VARIANTS[name].encoder.replace(spatial=VARIANTS["mgsa"].encoder.spatial)
        changed = VARIANTS[name].replace(encoder=same, row=VARIANTS["mgsa"].row)
        assert changed == VARIANTS["mgsa"]


def test_features_are_what_the_parts_read():
    assert registry.get("mgsa").features() == ("inception_resnet_v2", "flow")
    assert registry.get("spatial_attention").features() == ("inception_resnet_v2",)
    assert registry.get("mgsa_audio").features()[-1] == "log_mel"


def test_sizes_are_overridden_by_nested_mappings():
    variant = registry.get("mgsa").override(
        {"encoder": {"spatial": {"channels": [4]}}, "decoder": {"units": 8}}
    )
    assert variant.encoder.spatial.channels == (4,)
    assert variant.encoder.spatial.recurrence.kind == "garu"
    assert variant.decoder.units == 8
    assert variant.decoder.embedding == 512


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(KinescribeError, match="there is no model 'mgsb'; ") as caught:
        registry.get("mgsb")
    assert str(caught.value).endswith(f": {', '.join(VARIANTS)}.")


@pytest.mark.parametrize("name", VARIANTS)
def test_every_feature_that_is_lacking_is_named_with_the_specifications_hash(name):
    variant = VARIANTS[name]
    there = FeatureSpec(features=(Imported(name="other", shape=(3,), max_steps=1),))
    with pytest.raises(KinescribeError) as caught:
        Captioner(variant, there, 9, 5)
    lacking = ", ".join(variant.features())
    assert str(caught.value) == (
        f"the model reads {lacking}, which specification {there.content_hash} does not "
        "have; it has other."
    )


def test_a_late_fusion_names_what_is_to_be_trained():
    with pytest.raises(KinescribeError, match="vatex_temporal_rl, vatex_spatial_rl; "):
        registry.get("vatex_temporal_spatial_rl")
