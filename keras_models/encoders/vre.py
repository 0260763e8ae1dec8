"""The encoder of VRE, which reads a clip twice, then from its key frame."""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Literal

import tensorflow as tf

from keras_models.encoders.encoder import Encoder, EncoderConfig
from keras_models.encoders.pooled import PooledConfig
from keras_models.encoders.refocus import Refocus, RefocusOutput
from keras_models.layers.functional.masking import masked_softmax
from keras_models.structs import EncodedVideo, VideoBatch
from keras_models.weight_axes import EncodedSources, WeightAxes
from transform.common.config import Field
from transform.schema import FeatureSpec


class Phase(enum.IntEnum):
    """The phases of a `VREEncoder`'s training, in their order."""

    FIRST_PASS = 0  # clips are read once: o1 is the summary
    LEARNED = 1  # they are read again, from the key frames that are being learned
    FROZEN = 2  # from the key frames that were chosen when this phase began


class VREConfig(EncoderConfig):
    """The encoder of Shi et al. (2019), Sec. 3.2."""

    kind: Literal["vre"] = "vre"
    # the features and how they are pooled
    inputs: PooledConfig = PooledConfig(clip=("vggish",))
    units: int = Field(512, ge=1)  # Sec. 4.2

    def features(self) -> tuple[str, ...]:
        """Returns the names of the record features that the encoder reads."""
        return self.inputs.features()

    def build(self, spec: FeatureSpec) -> VREEncoder:
        """Returns the encoder of records with a specification."""
        return VREEncoder(self, spec, name="encoder")

    def sources(self) -> EncodedSources:
        """Returns the sources of the pooled features, and that of the key frame."""
        pooled = self.inputs.sources()
        key_frame = WeightAxes(axes=("step",), source=pooled.frames)
        return pooled._replace(weights={"keyframe": key_frame})


class VREEncoder(Encoder):
    """The video refocusing encoder of VRE (Shi et al., 2019, Alg. 1).

        h1 = KBiGRU(V^f, K // 2) ;  o1 = tanh(W_a [h1, v^a] + b_a)      `FirstPass`
        α  = softmax_i(a_i) ;  i_key = argmax α                         `Refocus`
        h2 = KBiGRU(V^f, i_key) ;  õ2 = tanh(W_m [h1, h2] + b_m)
        o2 = tanh(W_a [õ2, v^a] + b_a)

    The choice of a key frame has no gradient: α is learned by the `KeyFrame` objective.

    Returns:
        The `EncodedVideo` of `PooledEncoder`, with o2 (B, U) as `summary`.
        `weights["keyframe"]` is α (B, T). `aux` holds "step1_summary" o1 (B, U),
        "keyframe" i_key (B,) int32 and "keyframe_log_prob" log α (B, T), 0 where
        masked. A clip without frames has i_key = 0.

    Notes:
        The paper trains its last model "without the refocusing module but using the
        saved key frames". A list of key frames would not cover other clips, and even
        the paper's test clips need some. So the network that chose them is frozen: in
        `Phase.FROZEN`, `kept` is a copy of the best model's `refocus` which is not
        trained any further. For every clip, trained on or served later, it chooses the
        key frame that the best model chose.
    """

    training_phases: ClassVar[tuple[str, ...]] = tuple(
        phase.name.lower() for phase in Phase
    )

    def __init__(self, config: VREConfig, spec: FeatureSpec, **kwargs: Any):
        super().__init__(**kwargs)
        self.pooled = config.inputs.build(spec)
        self.refocus = Refocus(config.units, name="refocus")
        self.kept = Refocus(config.units, name="kept", trainable=False)
        self.merge = tf.keras.layers.Dense(
            config.units, activation="tanh", name="merge"
        )

    def build(self, input_shape: Any) -> None:
        self._phase = self.add_weight(
            "phase",
            (),
            tf.int64,
            initializer=tf.keras.initializers.Constant(int(Phase.LEARNED)),
            trainable=False,
        )
        super().build(input_shape)

    def call(self, video: VideoBatch, training: bool = False) -> EncodedVideo:
        encoded = self.pooled(video, training=training)
        mask = encoded.frame_mask
        if not self.kept.built:
            self.kept(encoded)  # creates its weights, which one branch below needs
        refocused = self.refocus(encoded)
        scores = tf.cond(
            tf.equal(self._phase, Phase.FROZEN),
            lambda: tf.stop_gradient(self.kept(encoded).scores),
            lambda: refocused.scores,
        )  # Eq. 8
        scores = tf.where(mask, scores, scores.dtype.min)
        key_frame = tf.argmax(scores, axis=1, output_type=tf.int32)  # Eq. 11
        summary = tf.cond(
            tf.equal(self._phase, Phase.FIRST_PASS),
            lambda: refocused.first.summary,
            lambda: self._second_pass(refocused, key_frame, encoded),
        )
        log_prob = tf.nn.log_softmax(scores)
        return encoded._replace(
            summary=summary,
            weights={"keyframe": masked_softmax(scores, mask)},  # Eq. 9
            aux={
                "step1_summary": refocused.first.summary,
                "keyframe": key_frame,
                "keyframe_log_prob": tf.where(mask, log_prob, 0.0),
            },
        )

    def _second_pass(
        self, refocused: RefocusOutput, key_frame: tf.Tensor, encoded: EncodedVideo
    ) -> tf.Tensor:
        """Reads the clips again from their (B,) key frames; returns o2 (B, U)."""
        first_step = self.refocus.first_step
        first = refocused.first
        state = first_step.kbigru(first.inputs, key_frame, encoded.frame_mask)  # h2
        merged = self.merge(tf.concat([first.state, state], axis=-1))
        return first_step.summarise(merged, encoded)

    @property
    def phase(self) -> Phase:
        """The phase of training that the encoder is in, as saved with its weights."""
        return Phase(int(self._phase.numpy()))

    @property
    def reads_twice(self) -> bool:
        """Whether clips are read again from their key frames in the present phase."""
        return self.phase is not Phase.FIRST_PASS

    def set_training_phase(self, phase: str) -> bool:
        """Switches to a `Phase` by its name in lower case.

        "frozen" copies the network that chooses the key frames, unless the encoder is
        in that phase already, as after a restart of the stage.
        """
        super().set_training_phase(phase)
        new = Phase[phase.upper()]
        changes = self.phase is not new
        if new is Phase.FROZEN and changes:
            for kept, weight in zip(
                self.kept.weights, self.refocus.weights, strict=True
            ):
                kept.assign(weight.numpy())
        self._phase.assign(new)
        return changes
