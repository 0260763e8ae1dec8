import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.catalogue import draft
from pipeline.catalogue.clip_look import ClipLook
from pipeline.catalogue.survey import Survey
from pipeline.configs import PipelineConfig
from transform.datasets import VideoRecord


def survey_of(count, captions, look):
    clips = tuple(
        VideoRecord(f"{n}", f"{n}.mp4", "train", ("a cat sits",) * captions)
        for n in range(count)
    )
    looks = {clip.video_id: look for clip in clips}
    return Survey(clips, {}, looks, {}, (), ())


VIDEO = ClipLook("", 10.0, 250, 320, 240)


@pytest.mark.parametrize(
    ("look", "variant", "features"),
    [
        (VIDEO, "mgsa", ["flow", "lite0"]),
        (VIDEO._replace(sound=True), "mgsa_audio", ["flow", "lite0", "log_mel"]),
        (VIDEO._replace(photograph=True), "spatial_attention", ["lite0"]),
    ],
)
@pytest.mark.parametrize("count", [3, 200, 5_000])
def test_a_draft_is_a_configuration_whose_model_fits_its_features(
    look, variant, features, count
):
    found = survey_of(count, 5, look)
    drafted = draft.draft(
        found, found.clips, name="mine", corpus="{kind: jsonl, file: x}", root="runs/x"
    )
    config = PipelineConfig.from_dict(yaml.safe_load(drafted.text))
    assert config.training.variant == variant
    assert [feature.name for feature in config.features.features] == features
    model = config.training.preset().model
    model.encoder.build(config.features)
    assert model.decoder.units == drafted.sizes.units
    need = 2 * count * config.features.bytes_per_clip()
    assert drafted.bytes_needed <= need
    assert ("trial of the whole" in drafted.text) == (count < 100)


def test_more_to_learn_from_makes_a_larger_model_and_a_longer_run():
    small, large = (survey_of(count, 5, VIDEO) for count in (20, 8_000))
    few, many = (draft.sizes(each.clips, False) for each in (small, large))
    assert few.units < many.units
    assert draft.minutes(small, small.clips, few) < draft.minutes(
        large, large.clips, many
    )


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_name_becomes_a_pipelines_name(text):
    name = draft.slug(text)
    PipelineConfig.__fields__["name"].validate(name, {}, loc="name")
    assert PipelineConfig.__fields__["name"].validate(name, {}, loc="name")[1] is None


def test_captions_without_spaces_are_drafted_as_characters():
    found = survey_of(5, 2, VIDEO)
    clips = tuple(c._replace(captions=("一个男人在跑步。",)) for c in found.clips)
    drafted = draft.draft(
        found, clips, name="mine", corpus="{kind: jsonl, file: x}", root="runs/x"
    )
    config = PipelineConfig.from_dict(yaml.safe_load(drafted.text))
    assert config.vocabulary.tokenizer.kind == "characters"
    assert config.training.max_words == 8
