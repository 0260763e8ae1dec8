import pytest

from transform.common.config import ConfigError
from transform.schema import (
    ChunkGrid,
    Dis,
    FeatureSpec,
    Flow,
    FrameGrid,
    FrameSampling,
    KeyFrames,
    LogMel,
    MeanFile,
    PixelInput,
    Png,
    ShortSide,
    SpecMismatchError,
    Stretch,
    Strided,
)
from transform.schema.feature_spec import DECODING

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
    assert SPEC.content_hash == "b8c2b4151e907beb"


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


def test_fields_that_are_younger_than_a_hash_leave_it_as_it_was():
    now = GRID.replace(at=KeyFrames(), fit=Stretch())
    assert GRID.hashed().keys().isdisjoint({"at", "fit", "weights"})
    assert now.hashed() == GRID.hashed()
    placed = GRID.replace(at=Strided(frames=8, max_steps=5))
    assert placed.hashed()["at"] == {
        "kind": "every",
        "frames": 8,
        "max_steps": 5,
        "fps": None,
    }
    hashes = {
        SPEC.replace(features=(feature,)).content_hash
        for feature in (GRID, placed, GRID.replace(fit=ShortSide(side=128)))
    }
    assert len(hashes) == 3


def test_other_rules_of_decoding_are_another_specification_and_are_refused():
    other = SPEC.replace(decoding=DECODING + 1)
    assert "decoding" not in SPEC.hashed()  # rules 1 keep the hash from before them
    assert other.content_hash != SPEC.content_hash
    with pytest.raises(SpecMismatchError, match="they differ in decoding"):
        SPEC.check_same(other, ours="the model", theirs="the records")
    with pytest.raises(ConfigError, match=r"decoding rules 2, .* has rules 1: use"):
        other.check_decoding()


def test_the_place_of_nested_weights_is_not_hashed_and_their_sha256_is():
    def spec(**mean):
        return FeatureSpec(
            features=(
                ChunkGrid(
                    name="c3d",
                    network="c3d",
                    layer="fc6",
                    size=112,
                    at=KeyFrames(),
                    input=PixelInput(mean=MeanFile(**mean)),
                    grid=(),
                    width=4096,
                ),
            )
        )

    here = spec(weights="/here/mean.npy", weights_sha256="ab")
    there = spec(weights="/there/mean.npy", weights_sha256="ab")
    other = spec(weights="/here/mean.npy", weights_sha256="cd")
    assert here.content_hash == there.content_hash != other.content_hash
    with pytest.raises(SpecMismatchError) as error:
        here.check_same(other, ours="the model", theirs="train-00000")
    field = "features[0].input.mean.weights_sha256 (ab against cd)."
    assert str(error.value).endswith(field)


# ----------------------------------------------------------------------- budget


def test_a_clip_that_may_take_more_than_the_budget_is_refused_with_the_biggest():
    with pytest.raises(ConfigError) as error:
        FeatureSpec.from_dict({**SPEC.dict(), "max_bytes_per_clip": "500 kB"})
    assert str(error.value) == (
        "max_bytes_per_clip = '500 kB' is wrong: a clip may take 878.1KB "
        "(flow 752.6KB, tiny 125.4KB); make these smaller, or raise the budget."
    )


def test_the_budget_itself_is_not_hashed():
    within = SPEC.replace(max_bytes_per_clip="1 MB")
    assert within.max_bytes_per_clip == 1_000_000
    assert within.content_hash == SPEC.content_hash
    assert FeatureSpec.from_json(within.to_json()) == within
    exact = SPEC.replace(max_bytes_per_clip=SPEC.bytes_per_clip())
    assert exact.bytes_in_words() == "878.1KB (flow 752.6KB, tiny 125.4KB)"


def test_many_features_are_told_by_the_three_biggest():
    spec = FeatureSpec(
        features=tuple(
            GRID.replace(name=name, width=width)
            for name, width in (("a", 1), ("b", 4), ("c", 2), ("d", 3))
        )
    )
    assert spec.bytes_in_words() == "19.6KB (b 7.8KB, d 5.9KB, c 3.9KB and others)"


def test_an_absent_feature_is_named_with_the_hash_and_what_there_is():
    with pytest.raises(KeyError, match=rf"'c3d'.*{SPEC.content_hash} \(flow, tiny\)"):
        SPEC.tensor("c3d")


def test_two_features_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="feature names must differ"):
        FeatureSpec.from_dict({"features": [Flow().dict(), Flow(size=64).dict()]})


def test_flow_that_exceeds_one_image_is_refused_with_what_to_lower():
    with pytest.raises(ConfigError, match=r"lower features\.size or sampling\.frames"):
        FeatureSpec.from_dict(
            {"sampling": FrameSampling(frames=40), "features": [Flow(size=224)]}
        )
