import pytest

from transform.config import ConfigError
from transform.schema import (
    Dis,
    FeatureSpec,
    Flow,
    FrameGrid,
    LogMel,
    Png,
    Sampling,
    SpecMismatchError,
)

GRID = FrameGrid(
    name="tiny", network="tiny", layer="grid", size=112, grid=(7, 7), width=64
)
SPEC = FeatureSpec(features=(Flow(size=56), GRID))


def test_the_hash_changes_with_everything_that_decides_a_value():
    changed = [
        SPEC.override({"sampling": {"frames": 10}}),
        SPEC.override({"sampling": {"resize": "area"}}),
        SPEC.replace(features=(Flow(size=64), GRID)),
        SPEC.replace(features=(Flow(size=56, algorithm=Dis(preset="medium")), GRID)),
        SPEC.replace(features=(Flow(size=56, encoding=Png()), GRID)),
        SPEC.replace(features=(Flow(size=56), GRID.replace(weights_sha256="ab"))),
        SPEC.replace(features=(GRID, Flow(size=56))),
    ]
    hashes = {spec.content_hash for spec in [SPEC, *changed]}
    assert len(hashes) == len(changed) + 1


def test_the_hash_ignores_where_the_weights_lie():
    moved = SPEC.replace(features=(Flow(size=56), GRID.replace(weights="/a/b.npz")))
    assert moved.content_hash == SPEC.content_hash


def test_the_hash_is_stable_between_releases():
    assert SPEC.content_hash == "3d083f39cd55d6a3"


def test_a_mismatch_names_both_hashes_and_the_first_differing_field():
    other = SPEC.override({"sampling": {"window": 5}})
    with pytest.raises(SpecMismatchError) as error:
        SPEC.check_same(other, ours="the model", theirs="train-00000")
    message = str(error.value)
    assert SPEC.content_hash in message
    assert other.content_hash in message
    assert message.endswith("sampling.window (7 against 5).")
    SPEC.check_same(SPEC, ours="the model", theirs="the same")


def test_tensor_shapes_follow_from_sampling_and_features():
    spec = SPEC.replace(features=(*SPEC.features, LogMel(max_patches=4)))
    shapes = {t.name: (t.max_steps, *t.step_shape) for t in spec.tensors()}
    assert shapes == {
        "flow": (20, 56, 56, 12),
        "tiny": (20, 7, 7, 64),
        "log_mel": (4, 96, 64),
    }
    assert spec.bytes_per_clip() == 20 * 56 * 56 * 12 + 2 * 20 * 49 * 64 + 2 * 4 * 6144


def test_an_absent_feature_is_named_with_the_hash_and_what_there_is():
    with pytest.raises(KeyError, match=rf"'c3d'.*{SPEC.content_hash} \(flow, tiny\)"):
        SPEC.tensor("c3d")


def test_two_features_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="feature names must differ"):
        FeatureSpec.from_dict({"features": [Flow().dict(), Flow(size=64).dict()]})


def test_flow_that_exceeds_one_image_is_refused_with_what_to_lower():
    with pytest.raises(ConfigError, match=r"lower features\.size or sampling\.frames"):
        FeatureSpec.from_dict({"sampling": Sampling(frames=40), "features": [Flow()]})
