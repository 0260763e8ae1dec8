import pytest

from keras_models.captioner import Captioner
from keras_models.presets import registry
from keras_models.presets.registry import PRESETS, Preset
from transform.common.errors import KinescribeError
from transform.schema import FeatureSpec, Imported


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    assert Preset.from_json(PRESETS[name].to_json()) == PRESETS[name]


def test_all_presets_differ_in_more_than_their_names():
    parts = {preset.to_json() for preset in PRESETS.values()}
    assert len(parts) == len(PRESETS)


def test_the_rows_of_mgsa_table_2_differ_in_the_spatial_attention_alone():
    names = ["mgsa", "mgsa_no_garu", "spatial_attention_garu", "spatial_attention"]
    kinds = [
        (spatial.kind, spatial.recurrence.kind)
        for spatial in (PRESETS[name].model.encoder.spatial for name in names)
    ]
    assert kinds == [
        ("flow_guide", "garu"),
        ("flow_guide", "direct"),
        ("appearance_guide", "garu"),
        ("appearance_guide", "direct"),
    ]
    for name in names:
        same = PRESETS[name].model.encoder.replace(
            spatial=PRESETS["mgsa"].model.encoder.spatial
        )
        changed = PRESETS[name].variation(PRESETS["mgsa"].row, encoder=same)
        assert changed == PRESETS["mgsa"]


def test_features_are_what_the_parts_read():
    assert registry.get("mgsa").model.features() == ("inception_resnet_v2", "flow")
    assert registry.get("spatial_attention").model.features() == (
        "inception_resnet_v2",
    )
    assert registry.get("mgsa_audio").model.features()[-1] == "log_mel"


def test_sizes_are_overridden_by_nested_mappings():
    config = registry.get("mgsa").model.override(
        {"encoder": {"spatial": {"channels": [4]}}, "decoder": {"units": 8}}
    )
    assert config.encoder.spatial.channels == (4,)
    assert config.encoder.spatial.recurrence.kind == "garu"
    assert config.decoder.units == 8
    assert config.decoder.embedding == 512


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(KinescribeError, match="there is no model 'mgsb'; ") as caught:
        registry.get("mgsb")
    assert str(caught.value).endswith(f": {', '.join(PRESETS)}.")


@pytest.mark.parametrize("name", PRESETS)
def test_every_feature_that_is_lacking_is_named_with_the_specifications_hash(name):
    config = PRESETS[name].model
    there = FeatureSpec(features=(Imported(name="other", shape=(3,), max_steps=1),))
    with pytest.raises(KinescribeError) as caught:
        Captioner(config, there, 9, 5)
    lacking = ", ".join(config.features())
    assert str(caught.value) == (
        f"the model reads {lacking}, which specification {there.content_hash} does not "
        "have; it has other."
    )


def test_a_late_fusion_names_what_is_to_be_trained():
    with pytest.raises(KinescribeError, match="vatex_temporal_rl, vatex_spatial_rl; "):
        registry.get("vatex_temporal_spatial_rl")
