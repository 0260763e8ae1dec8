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


def test_the_guided_rows_of_mgsa_differ_in_the_spatial_attention_alone():
    rows = {
        "mgsa": ("flow_guide", "garu"),
        "mgsa_no_garu": ("flow_guide", "direct"),
        "spatial_attention_garu_stateless": ("appearance_guide", "garu"),
        "spatial_attention_stateless": ("appearance_guide", "direct"),
    }
    mgsa = PRESETS["mgsa"]
    for name, kinds in rows.items():
        spatial = PRESETS[name].model.encoder.spatial
        assert (spatial.kind, spatial.recurrence.kind) == kinds
        same = PRESETS[name].model.encoder.replace(spatial=mgsa.model.encoder.spatial)
        assert PRESETS[name].variation(mgsa.row, encoder=same) == mgsa


def test_the_papers_spatial_attention_asks_the_cells_with_the_decoders_state():
    mgsa = PRESETS["mgsa"]
    for name, kind in (
        ("spatial_attention_garu", "garu"),
        ("spatial_attention", "direct"),
    ):
        model = PRESETS[name].model
        (attention,) = model.attentions
        assert model.encoder.kind == "grid"
        assert attention.look.spatial.kind == "frame_maps"
        assert attention.look.spatial.recurrence.kind == kind
        (temporal,) = attention.look.temporal
        assert temporal.units == mgsa.model.attentions[0].units  # Eq. 11
        assert model.decoder == mgsa.model.decoder
        assert PRESETS[name].plan == mgsa.plan


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
