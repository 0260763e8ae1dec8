import json

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.evaluator import caption_metrics
from components.evaluator.analysis_config import eval_config, metric_classes
from components.report import evaluator_output
from keras_models.metrics import scorer
from tests.support import string_records
from transform import schema

SUBJECTS = ("a man", "a woman", "a dog", "two children")
ACTIONS = ("plays a guitar", "rides a horse", "runs in a park", "cuts an onion")
CLIPS = [f"clip{number}" for number in range(12)]


def references_of(number):
    subject, action = SUBJECTS[number % 4], ACTIONS[number % 3]
    captions = (
        f"{subject} {action}",
        f"{subject} {action} outside.",
        f"someone {action}",
        f"here {subject} {action} happily",
    )
    return list(captions[: 2 + number % 3])


REFERENCES = {clip: references_of(number) for number, clip in enumerate(CLIPS)}
GOOD = {clip: texts[0] for clip, texts in REFERENCES.items()}
FAIR = {clip: f"someone {ACTIONS[number % 3]}" for number, clip in enumerate(CLIPS)}
BAD = {clip: "a cat" for clip in CLIPS}


def category(number):
    return "music" if number % 3 == 0 else "sport"


class Speaker(tf.Module):
    """Says what stands in one of the record's features."""

    def __init__(self, feature):
        super().__init__()
        self.feature = feature

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        columns = {self.feature: tf.io.FixedLenFeature([], tf.string)}
        caption = tf.io.parse_example(examples, columns)[self.feature]
        return {"caption": caption, "log_probs": tf.zeros([tf.shape(caption)[0], 3])}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Records and models that are good, fair and bad at captioning them."""
    folder = tmp_path_factory.mktemp("evaluation")
    speeches = {"good": GOOD, "fair": FAIR, "bad": BAD}
    with tf.io.TFRecordWriter(str(folder / "records")) as writer:
        for number, clip in enumerate(CLIPS):
            strings = {
                "video_id": [clip],
                "category": [category(number)],
                "clip_length": ["under_5s" if number < 3 else "under_10s"],
                "captions": REFERENCES[clip],
                **{name: [speech[clip]] for name, speech in speeches.items()},
            }
            if number == 4:
                strings["missing"] = ["log_mel"]
            if number < 5:
                strings["labels"] = ["source=phone", f"year={2020 + number % 2}"]
            writer.write(string_records.serialized(**strings))
    for name in speeches:
        speaker = Speaker(name)
        tf.saved_model.save(
            speaker, str(folder / name), signatures={"serving_default": speaker.serve}
        )
    caption_metrics.write_references(str(folder / "references.json"), REFERENCES)
    return folder


def analyse(
    workplace, output, candidate, baseline=None, references=True, slices=schema.SLICES
):
    config = tfma.utils.update_eval_config_with_defaults(
        eval_config(slices, str(workplace / "references.json") if references else ""),
        has_baseline=baseline is not None,
        rubber_stamp=baseline is None,
    )
    models = {tfma.CANDIDATE_KEY: candidate}
    if baseline is not None:
        models[tfma.BASELINE_KEY] = baseline
    shared = [
        tfma.default_eval_shared_model(
            str(workplace / folder),
            eval_config=config,
            model_name=name if baseline is not None else "",
        )
        for name, folder in models.items()
    ]
    result = tfma.run_model_analysis(
        eval_shared_model=shared if baseline is not None else shared[0],
        eval_config=config,
        data_location=str(workplace / "records"),
        output_path=str(output),
    )
    blessed = tfma.load_validation_result(str(output)).validation_ok
    if baseline is not None:
        result = result.get_results()[0]
    return {
        tuple(key): {
            name: value["doubleValue"]
            for name, value in values[""][""].items()
            if name in metric_classes()
        }
        for key, values in result.slicing_metrics
    }, blessed


@pytest.fixture(scope="module")
def analysed(workplace, tmp_path_factory):
    output = tmp_path_factory.mktemp("analysis")
    slices = (*schema.SLICES, "source")
    values, blessed = analyse(workplace, output, "fair", baseline="bad", slices=slices)
    return values, blessed, output


def test_overall_values_are_the_scorers_bit_by_bit(analysed):
    values = analysed[0][()]
    for name, value in scorer.score(FAIR, REFERENCES).items():
        assert values[name] == value
    assert values["caption_length"] == sum(
        len(text.split()) for text in FAIR.values()
    ) / len(FAIR)
    assert values["vocabulary_size"] == len(set(" ".join(FAIR.values()).split()))


def test_slices_take_document_frequencies_from_the_whole_corpus(analysed):
    music = {clip: FAIR[clip] for n, clip in enumerate(CLIPS) if n % 3 == 0}
    values = analysed[0][(("category", "music"),)]
    whole = scorer.score(music, REFERENCES)
    alone = scorer.score(music, {clip: REFERENCES[clip] for clip in music})
    assert values["CIDEr-D"] == whole["CIDEr-D"]
    assert abs(whole["CIDEr-D"] - alone["CIDEr-D"]) > 0.1
    assert values["METEOR"] == whole["METEOR"]


def test_every_kind_of_slice_is_reported(analysed):
    assert {key for (key, _), *_ in filter(None, analysed[0])} == {
        "category",
        "clip_length",
        "missing",
        "labels",
    }
    values = analysed[0][(("labels", "source=phone"),)]
    assert (
        values["CIDEr-D"]
        == scorer.score({clip: FAIR[clip] for clip in CLIPS[:5]}, REFERENCES)["CIDEr-D"]
    )
    rows = {row.name: row for row in evaluator_output.slice_rows(str(analysed[2]))}
    assert rows["source=phone"].scores["CIDEr-D"] == values["CIDEr-D"]
    assert {"category=music", "year=2020", "year=2021"} < set(rows)


def test_an_evaluation_of_some_clips_is_blessed_and_the_rest_is_the_judges(analysed):
    assert analysed[1]


def test_slices_may_be_corpora_of_their_own(workplace, tmp_path):
    values, _ = analyse(
        workplace, tmp_path, "fair", references=False, slices=("category",)
    )
    sport = {clip: FAIR[clip] for n, clip in enumerate(CLIPS) if n % 3}
    alone = scorer.score(sport, {clip: REFERENCES[clip] for clip in sport})
    assert values[(("category", "sport"),)]["CIDEr-D"] == alone["CIDEr-D"]


def test_a_file_of_other_captions_is_refused(tmp_path):
    path = str(tmp_path / "references.json")
    corpus = {"a": ("a dog", ("a dog runs",))}
    with pytest.raises(caption_metrics.ReferencesError, match="cannot read"):
        caption_metrics._score(corpus, "CIDEr-D", path)
    caption_metrics.write_references(path, {"a": ["a cat runs"]})
    with pytest.raises(caption_metrics.ReferencesError, match="other captions for"):
        caption_metrics._score(corpus, "CIDEr-D", path)
    caption_metrics.write_references(path, {"a": ["a dog runs"], "b": ["a cat eats"]})
    assert caption_metrics._score(corpus, "CIDEr-D", path) > 0


def test_references_file_round_trips(tmp_path):
    path = str(tmp_path / "references.json")
    caption_metrics.write_references(path, {"a": ("é", "b")})
    assert caption_metrics.read_references(path) == {"a": ["é", "b"]}


def test_every_gated_name_is_a_metric_of_its_class():
    for name, class_name in metric_classes().items():
        metric = getattr(caption_metrics, class_name)()
        assert metric.name == name
        assert type(metric).from_config(metric.get_config()).name == name


def test_configuration_survives_json_as_the_evaluator_passes_it():
    from google.protobuf import json_format

    config = eval_config(references="/corpus.json")
    read = json_format.Parse(json_format.MessageToJson(config), tfma.EvalConfig())
    assert read == config
    cider = next(m for m in read.metrics_specs[0].metrics if m.class_name == "CiderD")
    assert json.loads(cider.config)["references"] == "/corpus.json"
