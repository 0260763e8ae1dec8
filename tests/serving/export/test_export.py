from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_models import weight_axes
from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import BeamSearch, Greedy, Sampling
from keras_models.inference.int8 import int8_inference
from keras_models.inference.kernel_layouts import BLOCK
from keras_models.presets import registry
from keras_models.structs import VideoBatch
from serving.client import caption_result
from serving.client.local_model import LocalModel
from serving.common import signature_names
from serving.common.errors import ServingError
from serving.export import warmup
from serving.export.export import export, read_spec
from serving.export.served_config import ServedConfig
from serving.export.signatures import CaptionModule
from tests.support import tiny
from transform.common.errors import KinescribeError
from transform.records import example_codec, tokenizers
from transform.records.vocabulary import Vocabulary

CHARACTERS = tokenizers.of_kind("characters")

LOAD_WITH_TENSORFLOW_ALONE = """
import json, sys
import tensorflow as tf
from tensorflow.python.framework import op_def_registry
model = tf.saved_model.load(sys.argv[1])
outputs = model.signatures["feature_spec"](request=tf.constant([b""]))
unknown = [op for op in json.loads(sys.argv[2]) if op_def_registry.get(op) is None]
custom = [name for name in sys.modules if name.split(".")[0] in (
    "tensorflow_addons", "tensorflow_io", "tensorflow_text", "keras_nlp",
    "serving", "keras_models", "transform")]
print(json.dumps({
    "spec_hash": outputs["spec_hash"].numpy()[0].decode(),
    "unknown": unknown,
    "custom": custom,
}))
"""


@pytest.fixture(scope="module")
def served(exported):
    model = tf.saved_model.load(str(exported))

    def call(signature: str, **inputs) -> dict[str, np.ndarray]:
        outputs = model.signatures[signature](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    call.signatures = model.signatures
    return call


def all_ops(folder) -> set[str]:
    saved = saved_model_pb2.SavedModel.FromString(
        (folder / "saved_model.pb").read_bytes()
    )
    graph = saved.meta_graphs[0].graph_def
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes.extend(function.node_def)
    functions = {function.signature.name for function in graph.library.function}
    return {node.op for node in nodes} - functions


def test_the_graph_holds_core_ops_only_and_loads_without_us(exported, spec, tmp_path):
    ops = all_ops(exported)
    assert "While" in ops or "StatelessWhile" in ops  # functions were looked into
    assert not [op for op in ops if ">" in op]
    answer = json.loads(
        subprocess.run(
            [
                sys.executable,
                "-c",
                LOAD_WITH_TENSORFLOW_ALONE,
                exported,
                json.dumps(sorted(ops)),
            ],
            check=True,
            capture_output=True,
            cwd=tmp_path,
        ).stdout
    )
    assert answer == {"spec_hash": spec.content_hash, "unknown": [], "custom": []}


def test_every_input_and_output_has_a_leading_batch_axis(served):
    assert set(served.signatures) == {
        "serving_default",
        "caption_examples",
        "caption",
        "feature_spec",
    }
    for function in served.signatures.values():
        tensors = {
            **function.structured_input_signature[1],
            **function.structured_outputs,
        }
        for tensor in tensors.values():
            assert tensor.shape.rank >= 1 and tensor.shape[0] is None


def test_captions_are_those_of_the_captioner(
    served, captioner, vocabulary, spec, make_example
):
    examples = [make_example(1), make_example(2, steps=2), make_example(3)]
    outputs = served("caption_examples", examples=examples)
    parsed = example_codec.parse(tf.constant(examples), spec)
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    encoded = captioner.encode(video)
    state, memory = captioner.start(encoded)
    found = BeamSearch(width=3, n_best=2).search(
        captioner.step,
        state,
        memory,
        captioner.max_words,
    )
    texts = vocabulary.decode(found.tokens).numpy()
    assert len(set(texts.ravel())) > 3
    assert outputs[signature_names.CAPTIONS].tolist() == texts.tolist()
    assert outputs[signature_names.CAPTION].tolist() == texts[:, 0].tolist()
    np.testing.assert_allclose(
        outputs[signature_names.LOG_PROBS], found.log_probs, rtol=1e-5
    )
    by_word = outputs[signature_names.WORD_LOG_PROBS]
    np.testing.assert_allclose(by_word, found.word_log_probs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_word.sum(-1), found.log_probs, rtol=1e-4)
    assert outputs[signature_names.WORDS].shape == (3, 2, 7)
    for text, words in zip(
        texts.ravel(), outputs[signature_names.WORDS].reshape(-1, 7), strict=True
    ):
        assert b" ".join(word for word in words if word) == text
    np.testing.assert_allclose(
        outputs["attention_spatial"], encoded.weights["spatial"], rtol=1e-4, atol=1e-6
    )
    for name, weights in found.weights.items():
        values = outputs[f"attention_{name}"]
        assert values.shape[:3] == (3, 2, 7)
        np.testing.assert_allclose(values, weights, rtol=1e-4, atol=1e-6)
    assert found.weights.keys() == {"temporal"}


def test_kernels_are_stored_in_the_order_they_are_read_in(exported, captioner):
    stored = tf.train.list_variables(f"{exported}/variables/variables")
    shapes = [shape for _, shape in stored]
    kernel = captioner.decoder.upper_lower.kernel  # (40, 160)
    assert [2, 40, BLOCK] in shapes
    assert kernel.shape.as_list() not in shapes
    assert captioner.decoder.upper_lower.inference_kernel is None  # unchanged


def test_word_attention_is_a_distribution_over_the_steps_there_are(
    served, make_example
):
    outputs = served("caption_examples", examples=[make_example(2, steps=2)])
    temporal = outputs["attention_temporal"][0]  # (K, L, T)
    assert (temporal[..., 2:] == 0).all()
    spoken = outputs[signature_names.WORDS][0] != b""
    np.testing.assert_allclose(temporal[spoken].sum(-1), 1, rtol=1e-5)


def test_the_batch_changes_no_answer(served, make_example):
    examples = [make_example(seed) for seed in range(5)]
    together = served("serving_default", examples=examples)
    for row, example in enumerate(examples):
        alone = served("caption_examples", examples=[example])
        assert alone[signature_names.CAPTIONS][0].tolist() == (
            together[signature_names.CAPTIONS][row].tolist()
        )
        np.testing.assert_allclose(
            alone[signature_names.LOG_PROBS][0],
            together[signature_names.LOG_PROBS][row],
            rtol=1e-4,
        )


def test_features_and_records_give_the_same_captions(
    served, spec, make_example, clip_features
):
    """But for JPEG, which the record's flow went through."""
    example = make_example(4)
    stored = example_codec.from_example(tf.train.Example.FromString(example), spec)
    features = {name: values[None] for name, values in stored.features.items()}
    masks = {
        signature_names.mask_name(name): np.ones((1, 4), bool) for name in features
    }
    by_features = served("caption", spec_hash=[spec.content_hash], **features, **masks)
    by_record = served("caption_examples", examples=[example])
    assert by_features.keys() == by_record.keys()
    assert (
        by_features[signature_names.CAPTIONS].tolist()
        == by_record[signature_names.CAPTIONS].tolist()
    )
    np.testing.assert_allclose(
        by_features[signature_names.LOG_PROBS],
        by_record[signature_names.LOG_PROBS],
        rtol=1e-5,
    )


def test_features_of_another_specification_are_refused_with_both_hashes(
    served, spec, other_spec, make_example, clip_features
):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        served(
            "caption_examples",
            examples=[make_example(1), make_example(1, of=other_spec)],
        )
    assert spec.content_hash in str(caught.value)
    assert other_spec.content_hash in str(caught.value)
    features = {name: values[None] for name, values in clip_features(1).items()}
    masks = {
        signature_names.mask_name(name): np.ones((1, 4), bool) for name in features
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match=other_spec.content_hash):
        served("caption", spec_hash=[other_spec.content_hash], **features, **masks)


def test_the_specification_is_served_and_an_asset(
    served, exported, spec, vocabulary, captioner
):
    outputs = served("feature_spec", request=["", "any"])
    assert outputs["spec_hash"].tolist() == [spec.content_hash.encode()] * 2
    assert outputs["spec_json"][0].decode() == spec.to_json()
    assert outputs["vocabulary_digest"][0].decode() == vocabulary.digest
    assert outputs["variant_json"][0].decode() == captioner.config.to_json()
    axes = weight_axes.from_json(outputs["attention_json"][0].decode())
    assert axes == captioner.config.weight_axes()
    assert axes.keys() == {"temporal", "spatial"}
    assert read_spec(exported) == spec
    words = (exported / "assets" / "vocabulary.txt").read_text().split()
    assert tuple(words) == vocabulary.words[4:]


def test_a_model_that_reads_clips_twice_has_a_signature_of_its_first_pass(
    two_pass_model, two_pass_captioner, spec, vocabulary, make_example
):
    signatures = tf.saved_model.load(str(two_pass_model)).signatures
    examples = tf.constant([make_example(1), make_example(2, steps=2)])
    first = signatures["caption_first_pass"](examples=examples)
    second = signatures["caption_examples"](examples=examples)
    assert first.keys() == second.keys()
    parsed = example_codec.parse(examples, spec)
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    beam = BeamSearch(width=3, n_best=2)
    for outputs, caption in (
        (first, two_pass_captioner.caption_first_pass),
        (second, two_pass_captioner.caption),
    ):
        expected = caption(video, beam).captions
        texts = vocabulary.decode(expected.tokens).numpy()
        assert outputs["captions"].numpy().tolist() == texts.tolist()
        np.testing.assert_allclose(
            outputs["log_probs"], expected.log_probs, rtol=1e-4, atol=1e-4
        )
    assert not np.allclose(first["log_probs"], second["log_probs"], atol=1e-2)


def test_a_model_that_has_learned_the_first_pass_alone_has_no_second(
    two_pass_captioner, vocabulary
):
    copy = two_pass_captioner.with_precision("float32")
    copy.encoder.set_training_phase("first_pass")
    module = CaptionModule(CaptioningModel(copy, vocabulary), Greedy())
    assert "caption_first_pass" not in module.signatures()


def test_warm_up_requests_call_every_signature(exported, served):
    requests = warmup.read(str(exported))
    assert {request.model_spec.signature_name for request in requests} == {
        "caption_examples",
        "caption",
        "feature_spec",
    }
    for request in requests:
        inputs = {
            name: tf.make_ndarray(value) for name, value in request.inputs.items()
        }
        served(request.model_spec.signature_name, **inputs)


def test_a_model_is_served_in_another_precision_than_it_was_trained_in(
    captioning_model, captioner, spec, tmp_path, served, make_example
):
    folder = tmp_path / "model"
    beam = BeamSearch(width=3, n_best=2)
    export(captioning_model, folder, beam, ServedConfig(precision="mixed_bfloat16"))
    assert not [op for op in all_ops(folder) if ">" in op]
    examples = tf.constant([make_example(seed) for seed in range(8)])
    function = tf.saved_model.load(str(folder)).signatures["caption_examples"]
    narrow = {name: leaf.numpy() for name, leaf in function(examples=examples).items()}
    wide = served("caption_examples", examples=examples)
    parsed = example_codec.parse(examples, spec)
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    copy = captioner.with_precision("mixed_bfloat16")
    expected = copy.caption(video, beam).captions
    assert narrow[signature_names.LOG_PROBS].dtype == np.float32
    for likely in (expected.log_probs, wide[signature_names.LOG_PROBS]):
        apart = np.abs(narrow[signature_names.LOG_PROBS] - likely)[:, 0]
        assert np.median(apart) < 0.3  # of -3 to -12: these words are a close race
    assert not np.array_equal(
        narrow[signature_names.LOG_PROBS], wide[signature_names.LOG_PROBS]
    )
    assert captioner.compute_dtype == captioner.decoder.compute_dtype == "float32"


def test_a_model_is_served_with_kernels_of_eight_bits(
    captioning_model, captioner, spec, tmp_path, served, make_example
):
    folder = tmp_path / "model"
    beam = BeamSearch(width=3, n_best=2)
    export(captioning_model, folder, beam, ServedConfig(precision="int8"))
    assert not [op for op in all_ops(folder) if ">" in op]
    stored = tf.train.list_variables(f"{folder}/variables/variables")
    kernel = captioner.decoder.upper_lower.kernel  # (40, 160)
    assert [1, 1, *kernel.shape] in [shape for _, shape in stored]
    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures["caption_examples"]
    examples = [make_example(seed) for seed in range(8)]
    parsed = example_codec.parse(tf.constant(examples), spec)
    video = VideoBatch(parsed.video_id, parsed.features, parsed.masks)
    with int8_inference(captioner):
        caption = tf.function(captioner.caption, autograph=False)
        expected = caption(video, beam).captions
    assert captioner.decoder.upper_lower.inference_kernel is None
    for count in (8, 3, 8):
        found = function(examples=tf.constant(examples[:count]))[
            signature_names.LOG_PROBS
        ]
        assert np.median(np.abs(found - expected.log_probs[:count])) < 1e-3
    wide = served("caption_examples", examples=examples)[signature_names.LOG_PROBS]
    apart = np.abs(expected.log_probs - wide)[:, 0]
    assert 0 < np.median(apart) < 0.5  # of -3 to -12: these words are a close race


def test_eight_bits_are_refused_where_there_is_no_product_of_them(
    captioning_model, tmp_path, monkeypatch
):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(KinescribeError, match=r"int8.*aarch64.*float32"):
        export(
            captioning_model, tmp_path / "m", Greedy(), ServedConfig(precision="int8")
        )
    assert not list(tmp_path.iterdir())


def test_an_export_is_whole_or_not_there(captioning_model, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(warmup, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        export(captioning_model, tmp_path / "model", Greedy())
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_characters_writes_no_spaces_and_says_what_splits_captions(
    captioner, tmp_path, make_example
):
    words = map(chr, range(0x4E00, 0x4E00 + captioner.vocabulary_size - 4))
    model = CaptioningModel(captioner, Vocabulary(words, CHARACTERS))
    folder = export(model, tmp_path / "model", Greedy())
    local = LocalModel(folder)
    assert local.tokenizer == CHARACTERS
    (result,) = local.caption_examples([make_example(1)])
    assert result.caption == "".join(result.words[0]) != ""
    assert result.spaced == " ".join(result.words[0])


def test_an_export_replaces_nothing(captioning_model, exported):
    with pytest.raises(ServingError, match="not empty"):
        export(captioning_model, exported, Greedy())


@pytest.mark.parametrize(
    "config", [Greedy(), Sampling(samples=2)], ids=["greedy", "sampling"]
)
def test_every_search_can_be_served(captioning_model, tmp_path, make_example, config):
    (tmp_path / "model").mkdir()  # as the trainer may leave it: empty
    folder = export(captioning_model, tmp_path / "model", config)
    function = tf.saved_model.load(folder).signatures["caption_examples"]
    examples = tf.constant([make_example(1)])
    first, second = function(examples=examples), function(examples=examples)
    assert first[signature_names.CAPTIONS].numpy().tolist() == (
        second[signature_names.CAPTIONS].numpy().tolist()
    )


@pytest.mark.parametrize(
    "name", [pytest.param("stats", marks=pytest.mark.slow), "vatex_spatial"]
)
def test_models_of_every_system_can_be_served(name, tmp_path):
    config = tiny.shrink(registry.get(name).model)
    spec = tiny.spec(config)
    captioner = Captioner(config, spec, len(tiny.VOCABULARY), tiny.MAX_WORDS)
    captioner.build_from_spec()
    config = BeamSearch(width=2, n_best=2)
    folder = export(
        CaptioningModel(captioner, tiny.VOCABULARY), tmp_path / "model", config
    )
    assert not [op for op in all_ops(tmp_path / "model") if ">" in op]
    function = tf.saved_model.load(folder).signatures["caption_examples"]
    for tensor in function.structured_outputs.values():
        assert tensor.shape.rank >= 1 and tensor.shape[0] is None
    blank = tf.constant([warmup.blank_example(spec)] * 3)
    outputs = {
        name: values.numpy() for name, values in function(examples=blank).items()
    }
    for result in caption_result.from_outputs(outputs, spec.content_hash):
        assert len(result.captions) == 2
        assert result.attention
        for weights in result.attention.values():
            assert weights.shape[:2] == (2, tiny.MAX_WORDS + 1)


def test_a_session_runs_the_model_as_tensorflow_serving_does(
    exported, served, make_example
):
    """The C++ server restores a graph into a session and feeds it by signature."""
    examples = [make_example(1), make_example(2)]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported))
        signature = graph.signature_def["caption_examples"]
        outputs = session.run(
            {name: info.name for name, info in signature.outputs.items()},
            {signature.inputs["examples"].name: examples},
        )
    expected = served("caption_examples", examples=examples)
    assert outputs.keys() == expected.keys()
    assert (
        outputs[signature_names.CAPTIONS].tolist()
        == expected[signature_names.CAPTIONS].tolist()
    )
    np.testing.assert_allclose(
        outputs[signature_names.LOG_PROBS],
        expected[signature_names.LOG_PROBS],
        rtol=1e-5,
    )
