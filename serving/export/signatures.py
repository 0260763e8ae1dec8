"""The signatures that an exported model serves, with their inputs and outputs.

    caption_examples  serialized records (B,) → captions; also `serving_default`
    caption           features, masks and the specification's hash → captions
    feature_spec      (B,) anything → the model's specification, B times

Models that are exported with `frames` also have

    caption_frames    pictures of key frames, and flow as records hold it → captions

Models that read a clip twice also have

    caption_first_pass  serialized records (B,) → captions after the first pass alone

Outputs of captions: `caption` (B,), `captions` (B, K), `log_probs` (B, K), `words` and
`word_log_probs` (B, K, L), and one `attention_<name>` for every weight of the decoder,
by word, (B, K, L, …), and of the encoder, (B, T, S). A late fusion adds `relevance` and
`written_by`, both (B, K). All ops are TensorFlow's own.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from keras_models import weight_axes
from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.generation import SearchConfig
from keras_models.structs import GenerationOutput, VideoBatch
from serving.common import signature_names
from serving.export.frames import FrameFeatures
from transform.records import example_codec
from transform.records.vocabulary import SPECIAL, Vocabulary
from transform.schema import SPEC_HASH


class CaptionModule(tf.Module):
    """A captioner with its search and its vocabulary, as functions of tensors."""

    def __init__(
        self,
        model: CaptioningModel,
        search: SearchConfig,
        frames: bool = False,
    ):
        super().__init__(name="kinescribe")
        spec = self._spec = model.spec
        self._frames = FrameFeatures(spec) if frames else None
        captioner = model.captioner
        self._caption_batch = _caption_function(
            captioner.caption, model.vocabulary, search
        )
        self._caption_first_pass = (
            _caption_function(captioner.caption_first_pass, model.vocabulary, search)
            if isinstance(captioner, Captioner) and captioner.encoder.reads_twice
            else None
        )
        self._constants = {
            SPEC_HASH: spec.content_hash,
            signature_names.SPEC_JSON: spec.to_json(),
            signature_names.VOCABULARY_DIGEST: model.vocabulary.digest,
            signature_names.VARIANT_JSON: model.captioner.config.to_json(),
            signature_names.ATTENTION_JSON: weight_axes.to_json(
                model.captioner.config.weight_axes()
            ),
        }

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns every signature by its name, and tracks the variables they read."""
        strings = tf.TensorSpec([None], tf.string)
        features = {}
        for tensor in self._spec.tensors():
            shape = [None, tensor.max_steps]
            features[tensor.name] = tf.TensorSpec(
                [*shape, *tensor.step_shape], tensor.dtype
            )
            features[signature_names.mask_name(tensor.name)] = tf.TensorSpec(
                shape, tf.bool
            )
        caption_examples = _named(
            self._caption_examples, {signature_names.EXAMPLES: strings}
        )
        caption = _named(self._caption_features, {**features, SPEC_HASH: strings})
        # Only the variables are tracked: Keras would add its own traces of the model.
        self.weights = _in_order_of_use(caption)
        if frames := self._frames:
            caption_frames = _named(
                lambda inputs: self._caption_batch(frames.video(inputs)),
                frames.inputs(),
            )
            self.network_weights = _in_order_of_use(caption_frames)
        signatures = {
            signature_names.CAPTION_EXAMPLES_SIGNATURE: caption_examples,
            tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: caption_examples,
            signature_names.CAPTION_SIGNATURE: caption,
            signature_names.FEATURE_SPEC_SIGNATURE: _named(
                self._feature_spec, {signature_names.REQUEST: strings}
            ),
        }
        if self._frames:
            signatures[signature_names.CAPTION_FRAMES_SIGNATURE] = caption_frames
        if first_pass := self._caption_first_pass:
            signatures[signature_names.CAPTION_FIRST_PASS_SIGNATURE] = _named(
                lambda inputs: first_pass(self._parse(inputs)),
                {signature_names.EXAMPLES: strings},
            )
        return signatures

    def _caption_examples(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self._caption_batch(self._parse(inputs))

    def _parse(self, inputs: dict[str, tf.Tensor]) -> VideoBatch:
        parsed = example_codec.parse(inputs[signature_names.EXAMPLES], self._spec)
        return VideoBatch(parsed.video_id, parsed.features, parsed.masks)

    def _caption_features(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        spec_hash = inputs[SPEC_HASH]
        check = example_codec.require_spec(spec_hash, self._spec)
        features = [tensor.name for tensor in self._spec.tensors()]
        with tf.control_dependencies([check]):
            video = VideoBatch(
                tf.identity(spec_hash),
                {name: tf.identity(inputs[name]) for name in features},
                {
                    name: tf.identity(inputs[signature_names.mask_name(name)])
                    for name in features
                },
            )
        return self._caption_batch(video)

    def _feature_spec(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        rows = tf.shape(inputs[signature_names.REQUEST])  # (1,)
        return {name: tf.fill(rows, text) for name, text in self._constants.items()}


def _caption_function(
    generate: Callable[[VideoBatch, SearchConfig, tf.Tensor], GenerationOutput],
    vocabulary: Vocabulary,
    search: SearchConfig,
) -> Callable[[VideoBatch], dict[str, tf.Tensor]]:
    texts = ["" if word in SPECIAL else word for word in vocabulary.words]

    def caption_batch(video: VideoBatch) -> dict[str, tf.Tensor]:
        seed = tf.constant([0, 0])  # a sampled caption is the same at every call
        written = generate(video, search, seed)
        candidates = written.captions
        words = tf.gather(tf.constant(texts), candidates.tokens)  # (B, K, L)
        spaced = tf.strings.reduce_join(words, axis=-1, separator=" ")
        captions = vocabulary.tokenizer.join(tf.strings.strip(spaced))  # (B, K)
        shared = candidates.weights.keys() & written.weights.keys()
        if shared:
            raise ValueError(
                "encoder and decoder must name their attention apart; both have "
                f"{sorted(shared)}"
            )
        attention = {**candidates.weights, **written.weights}
        return {
            signature_names.CAPTION: captions[:, 0],
            signature_names.CAPTIONS: captions,
            signature_names.LOG_PROBS: candidates.log_probs,
            signature_names.WORDS: words,
            signature_names.WORD_LOG_PROBS: candidates.word_log_probs,
            **written.extras,
            **{
                signature_names.ATTENTION + name: weights
                for name, weights in attention.items()
            },
        }

    return caption_batch


def _in_order_of_use(
    function: tf.types.experimental.ConcreteFunction,
) -> list[tf.Variable]:
    """Returns a function's variables in an order that is the same in every process."""
    places = {
        id(captured): place
        for place, (captured, _) in enumerate(function.graph.captures)
    }
    return sorted(
        function.graph.variables, key=lambda variable: places[id(variable.handle)]
    )


def _named(
    function: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    inputs: dict[str, tf.TensorSpec],
) -> tf.types.experimental.ConcreteFunction:
    """Traces a function of a dictionary as a signature with named inputs."""
    named = {name: tf.TensorSpec(s.shape, s.dtype, name) for name, s in inputs.items()}
    traced = tf.function(lambda **tensors: function(tensors), autograph=False)
    return traced.get_concrete_function(**named)
