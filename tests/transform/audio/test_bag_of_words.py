import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import clips, sounds
from transform.audio import bag_of_words, codebook
from transform.audio.codebook import Codebook
from transform.backbones import loading
from transform.common import weight_files
from transform.common.config import ConfigError
from transform.common.weight_files import WeightsError
from transform.extractors.clip_extractor import Extractor
from transform.schema import (
    AudioWords,
    FeatureSpec,
    HardAssignment,
    Raw,
    SoftAssignment,
)

SMALL = AudioWords(words=3, coefficients=2, bands=4)
SHELF = Codebook(
    mean=np.full(6, 2, np.float32),
    scale=np.array([1, 2, 1, 1, 1, 1], np.float32),
    centres=np.array([np.zeros(6), np.eye(6)[1], 5 * np.ones(6)], np.float32),
)


@pytest.fixture
def feature(tmp_path):
    path = tmp_path / "words.npz"
    SHELF.save(str(path), SMALL)
    return SMALL.replace(codebook=str(path))


HARD = SMALL.replace(assignment=HardAssignment())


def test_bag_is_the_square_roots_of_the_words_shares():
    # In standard units: the first word three times, the second once.
    windows = np.array(
        [
            [2, 2, 2, 2, 2, 2],
            [2.1, 2, 2, 2, 2, 2],
            [2, 2.8, 2, 2, 2, 2],
            [2, 4] + 4 * [2],
        ]
    )
    found = bag_of_words.bag(windows.astype(np.float32), SHELF, HARD)
    np.testing.assert_allclose(found, [[np.sqrt(3 / 4), 1 / 2, 0]])
    assert found.dtype == np.float32


def test_soft_shares_are_gaussian_in_the_distance_to_the_nearest_words():
    windows = np.random.default_rng(2).normal(3, 2, (7, 6)).astype(np.float32)
    soft = SMALL.replace(assignment=SoftAssignment(nearest=2, spread=1.5))
    shares = np.zeros(3)
    for window in windows:  # the equation, window by window
        point = (window - SHELF.mean) / SHELF.scale
        distances = np.linalg.norm(point - SHELF.centres, axis=1)
        kept = np.argsort(distances)[:2]
        likely = np.exp(-(distances[kept] ** 2) / (2 * 1.5**2))
        shares[kept] += likely / likely.sum() / len(windows)
    found = bag_of_words.bag(windows, SHELF, soft)
    np.testing.assert_allclose(found[0], np.sqrt(shares), rtol=1e-5)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 15), st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_soft_shares_of_a_window_add_up_to_one(windows, words, nearest, spread):
    random = np.random.default_rng(windows * words)
    points, centres = random.normal(size=(windows, 4)), random.normal(size=(words, 4))
    shelf = Codebook(np.zeros(4), np.ones(4), centres)
    soft = SoftAssignment(nearest=nearest, spread=spread)
    found = bag_of_words.bag(points, shelf, AudioWords(assignment=soft))
    assert np.all(found >= 0)
    np.testing.assert_allclose((found**2).sum(), 1, rtol=1e-5)


@given(st.integers(0, 99), st.sampled_from([(1, 1.0), (9, 1e-3)]))
@settings(deadline=None)
def test_one_nearest_word_or_no_spread_is_hard_assignment(seed, setting):
    nearest, spread = setting
    random = np.random.default_rng(seed)
    points, centres = random.normal(size=(30, 4)), random.normal(size=(6, 4))
    shelf = Codebook(np.zeros(4), np.ones(4), centres)
    soft = SoftAssignment(nearest=nearest, spread=spread)
    found, hard = (
        bag_of_words.bag(points, shelf, AudioWords(assignment=kind))
        for kind in (soft, HardAssignment())
    )
    np.testing.assert_allclose(found**2, hard**2, atol=0.02)


def test_the_papers_assignment_is_the_default():
    assert isinstance(AudioWords().assignment, SoftAssignment)
    assert AudioWords.from_dict({"assignment": {"kind": "hard"}}) == AudioWords(
        assignment=HardAssignment()
    )


@pytest.mark.parametrize("assignment", [SoftAssignment(), HardAssignment()])
def test_longer_sound_of_the_same_kind_has_the_same_bag(assignment):
    windows = np.random.default_rng(0).normal(3, 2, (10, 6)).astype(np.float32)
    feature = SMALL.replace(assignment=assignment)
    once, twice = (
        bag_of_words.bag(np.tile(windows, (n, 1)), SHELF, feature) for n in (1, 2)
    )
    np.testing.assert_allclose(once, twice, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(once), 1, rtol=1e-6)


def test_no_window_is_no_step():
    assert bag_of_words.bag(np.zeros((0, 6), np.float32), SHELF, SMALL).shape == (0, 3)


@pytest.mark.parametrize(
    ("assignment", "shared"), [(HardAssignment(), 0.05), (SoftAssignment(), 0.15)]
)
def test_kinds_of_sound_have_words_of_their_own(assignment, shared):
    feature = AudioWords(words=12, assignment=assignment)
    by_kind = [
        bag_of_words.windows_of(sounds.samples(kind, 1.0), feature)
        for kind in sounds.KINDS
    ]
    shelf = bag_of_words.learn(np.concatenate(by_kind), words=12)
    bags = np.concatenate(
        [bag_of_words.bag(windows, shelf, feature) for windows in by_kind]
    )
    np.testing.assert_allclose(bags @ bags.T, np.eye(3), atol=shared)


def test_values_that_do_not_vary_are_not_scaled():
    windows = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    windows[:, 3] = 7
    shelf = bag_of_words.learn(windows, words=2)
    assert shelf.scale[3] == 1
    np.testing.assert_allclose(shelf.scale[0], windows[:, 0].std(), rtol=1e-5)
    assert (shelf.centres[:, 3] == 0).all()


# ------------------------------------------------------------------------- the file


def test_codebook_comes_back_as_it_was(feature):
    path = loading.checked_weights(feature).path
    for ours, theirs in zip(SHELF, codebook.load(path, feature), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_same_codebook_is_the_same_bytes(feature, tmp_path):
    SHELF.save(str(tmp_path / "again.npz"), SMALL)
    again = (tmp_path / "again.npz").read_bytes()
    assert again == (tmp_path / "words.npz").read_bytes()


def test_hash_of_the_codebook_is_part_of_the_specification(feature, tmp_path):
    spec = loading.resolve(FeatureSpec(features=(feature,)))
    digest = weight_files.file_sha256(tmp_path / "words.npz")
    assert spec.features[0].codebook_sha256 == digest
    elsewhere = spec.features[0].replace(codebook="elsewhere.npz")
    assert FeatureSpec(features=(elsewhere,)).content_hash == spec.content_hash
    SHELF._replace(mean=SHELF.scale).save(feature.codebook, feature)
    with pytest.raises(WeightsError, match="remove `codebook_sha256` to go on"):
        loading.resolve(spec)


def test_missing_codebook_names_the_command():
    with pytest.raises(WeightsError, match=r"no codebook gone\.npz; .* audio-words`"):
        loading.resolve(FeatureSpec(features=(AudioWords(codebook="gone.npz"),)))


def test_codebook_of_another_feature_is_refused(feature):
    wrong = feature.replace(words=4)
    with pytest.raises(WeightsError, match=r"has 4 words, 2 .* learnt for 3 words, 2 "):
        loading.load_codebook(wrong)


def test_file_of_another_kind_is_refused(feature, tmp_path):
    for content in (b"words", b""):
        (tmp_path / "words.npz").write_bytes(content)
        with pytest.raises(WeightsError, match="is not a codebook of audio words"):
            codebook.load(tmp_path / "words.npz", feature)


def test_more_coefficients_than_bands_are_refused():
    with pytest.raises(ConfigError, match="5 bands do not give 6 coefficients"):
        AudioWords.from_dict({"coefficients": 6, "bands": 5})


def test_stored_step_has_a_value_a_word():
    spec = FeatureSpec(features=(SMALL,))
    assert spec.tensor("audio_words") == ("audio_words", 1, (3,), Raw())


# ------------------------------------------------------------------------- of clips


def test_clip_with_sound_has_one_step(feature, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 15, sound="aac")
    found = Extractor(FeatureSpec(features=(feature,))).extract(path)
    assert found.features["audio_words"].shape == (1, 3)
    assert found.features["audio_words"].dtype == np.float16
    np.testing.assert_allclose(
        np.linalg.norm(found.features["audio_words"]), 1, rtol=2e-3
    )


def test_clip_without_sound_has_none(feature, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", 15)
    found = Extractor(FeatureSpec(features=(feature,))).extract(path)
    assert found.features == {}
    assert found.info.status != "failed"
