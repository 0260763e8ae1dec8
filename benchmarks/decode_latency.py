"""How long the paper's decoder takes for a caption, beside a plain beam search.

    python benchmarks/decode_latency.py [--rounds 20] [--threads 1]

MGSA's decoder at the paper's sizes: 20 frames of 1536 features, additive attention,
two LSTMs of 1024 units, words of 512 features, 10 000 of them; beam 5, one clip. Random
weights; <eos> is held back, so that a caption has exactly 10 or 20 words. Wall times
are medians; CPU times, means over all threads. All searches take turns within a round,
so that what else runs on the machine slows all of them.

The plain search is what one writes first, of Keras' layers. It finds the same captions.
The products are those with the exported weights in float32.

bfloat16 and int8 are compared with float32 on 32 clips. Random weights tell words apart
far less than trained ones do, so that captions agree less often here than a trained
model's would.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import rich.console
import rich.table
import tensorflow as tf

from keras_models.attention.bahdanau import AdditiveConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTM, TwoLayerLSTMConfig
from keras_models.generation import BeamSearch
from keras_models.inference.int8 import int8_inference
from keras_models.inference.kernel_layouts import packed_kernels
from keras_models.inference.projected_values import project_values
from keras_models.structs import Captions, EncodedVideo, State
from transform.common.precision import dtype_policy
from transform.records.vocabulary import BOS, EOS, PAD, UNK

FRAMES, WIDTH, VOCABULARY, BEAM = 20, 1536, 10_000, 5
LENGTHS = 10, 20
NARROW = "the same in bfloat16", "the same in int8"
COMPARED = 32  # clips, in every precision

Search = Callable[[tf.Tensor], Captions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    tf.keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    clips = random.normal(size=(COMPARED, FRAMES, WIDTH)).astype(np.float32)
    frames = tf.constant(clips[:1])
    decoder = build(frames)
    for weight in decoder.trainable_weights:  # words that differ, and long captions
        weight.assign(weight + 0.02 * random.normal(size=weight.shape))
    decoder.words.bias.assign(
        tf.tensor_scatter_nd_update(decoder.words.bias, [[EOS]], [-50.0])
    )
    with dtype_policy("mixed_bfloat16"):
        narrow = copied(decoder, tf.cast(frames, tf.bfloat16))
    eighth = copied(decoder, frames)

    table = rich.table.Table("search", "words", "wall ms", "CPU ms", "CPU, plain = 1")
    for words in LENGTHS:
        in_process = traced(ours(decoder, words))
        in_process(frames)  # traced here, its kernels are not packed
        with packed_kernels(decoder), packed_kernels(narrow), int8_inference(eighth):
            searches = {
                "plain": traced(Plain(decoder, words)),
                "kinescribe, in process": in_process,
                "kinescribe, exported": traced(ours(decoder, words)),
                "the same in bfloat16": traced(ours(narrow, words)),
                "the same in int8": traced(ours(eighth, words)),
                "float32 products alone": traced(products(decoder, words)),
            }
            found = {name: run(frames) for name, run in searches.items()}
            for name in ("kinescribe, in process", "kinescribe, exported"):
                np.testing.assert_array_equal(found[name].tokens, found["plain"].tokens)
                np.testing.assert_allclose(
                    found[name].log_probs, found["plain"].log_probs, rtol=1e-4
                )
            times = measured(searches, frames, options.rounds)
            said = {
                name: searches[name](tf.constant(clips))
                for name in ("kinescribe, exported", *NARROW)
            }
        for name, (wall, cpu) in times.items():
            share = f"{cpu / times['plain'][1]:.2f}"
            table.add_row(name, str(words), f"{wall:.0f}", f"{cpu:.0f}", share)
    console = rich.console.Console()
    console.print(table)
    for name in NARROW:
        agreement = agree(said["kinescribe, exported"], said[name])
        console.print(f"{name}, {words} words, {COMPARED} clips: {agreement}.")


def build(frames: tf.Tensor) -> TwoLayerLSTM:
    """The decoder at the paper's sizes."""
    decoder = TwoLayerLSTMConfig().build(VOCABULARY, [AdditiveConfig().build()], 20)
    with tf.name_scope(decoder.name):
        decoder.step(tf.constant([BOS]), *start(decoder, frames))
    return decoder


def start(decoder: TwoLayerLSTM, frames: tf.Tensor) -> tuple[State, Any]:
    """The state and memory before the first word, as `Captioner.start` gives them."""
    state, memory = decoder.start(encoded(frames))
    return state, project_values(decoder, memory)


def encoded(frames: tf.Tensor) -> EncodedVideo:
    """What an encoder would give."""
    mask = tf.ones(tf.shape(frames)[:2], tf.bool)
    return EncodedVideo(frames, mask, (), (), tf.reduce_mean(frames, 1), {}, {})


def ours(decoder: TwoLayerLSTM, words: int) -> Search:
    """Inside of `packed_kernels`, the search that is exported."""

    def search(frames: tf.Tensor) -> Captions:
        frames = tf.cast(frames, decoder.compute_dtype)
        state, memory = start(decoder, frames)
        return BeamSearch(width=BEAM).search(decoder.step, state, memory, words)

    return search


class Plain(tf.keras.Model):
    """A beam search as one writes it first."""

    def __init__(self, decoder: TwoLayerLSTM, words: int):
        super().__init__()
        units, energy = decoder.config.units, decoder.attentions[0].energy
        layers = tf.keras.layers
        self.steps = words
        self.embed = layers.Embedding(VOCABULARY, decoder.config.embedding)
        self.lower = layers.LSTMCell(units)
        self.query = layers.Dense(energy.units, use_bias=False)
        self.key = layers.Dense(energy.units)
        self.score = layers.Dense(1, use_bias=False)
        self.upper = layers.LSTMCell(units)
        self.words = layers.Dense(VOCABULARY)
        self.call(tf.zeros([1, 1, WIDTH]))
        weights = {
            self.embed: [decoder.embedding.embeddings],
            self.lower: [
                decoder.lower_words.kernel,
                decoder.lower.recurrent.kernel,
                decoder.lower_words.bias,
            ],
            self.query: [energy.query.kernel],
            self.key: [energy.key.kernel, energy.key.bias],
            self.score: [energy.score.kernel],
            self.upper: [
                tf.concat([decoder.upper_lower.kernel, decoder.upper_video.kernel], 0),
                decoder.upper.recurrent.kernel,
                decoder.upper_lower.bias,
            ],
            self.words: [decoder.words.kernel, decoder.words.bias],
        }
        for layer, values in weights.items():
            layer.set_weights([value.numpy() for value in values])

    def call(self, frames: tf.Tensor) -> Captions:
        frames = tf.repeat(frames, BEAM, axis=0)  # (K, T, D)
        zeros = tf.zeros([BEAM, self.lower.units])
        ids = tf.range(VOCABULARY)

        def body(
            tokens: tf.Tensor, totals: tf.Tensor, lower: list, upper: list
        ) -> tuple:
            log_probs, lower, upper = self.advance(tokens[:, -1], frames, lower, upper)
            last = tf.shape(tokens)[1] > self.steps
            allowed = tf.where(last, ids == EOS, ids > UNK)
            log_probs = tf.where(allowed, log_probs, -np.inf)
            totals, chosen = tf.math.top_k(
                tf.reshape(totals[:, tf.newaxis] + log_probs, [-1]), BEAM
            )
            parents, words = chosen // VOCABULARY, chosen % VOCABULARY
            tokens, lower, upper = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, parents), (tokens, lower, upper)
            )
            return tf.concat([tokens, words[:, tf.newaxis]], 1), totals, lower, upper

        rows = tf.TensorShape([BEAM, None])
        same = [zeros.shape, zeros.shape]
        tokens, totals, _, _ = tf.while_loop(
            lambda tokens, *_: tf.shape(tokens)[1] < self.steps + 2,
            body,
            (
                tf.fill([BEAM, 1], BOS),
                tf.constant([0.0] + [-np.inf] * (BEAM - 1)),
                [zeros, zeros],
                [zeros, zeros],
            ),
            (rows, tf.TensorShape([BEAM]), same, same),
        )
        captions = tokens[tf.newaxis, :1, 1:]
        nothing = tf.zeros(tf.shape(captions))
        return Captions(captions, totals[tf.newaxis, :1], {}, nothing)

    def advance(
        self, tokens: tf.Tensor, frames: tf.Tensor, lower: list, upper: list
    ) -> tuple:
        """One word of every beam."""
        below, lower = self.lower(self.embed(tokens), lower)
        query = self.query(tf.concat([below, upper[0]], -1))[:, tf.newaxis]
        weights = tf.nn.softmax(self.score(tf.tanh(query + self.key(frames))), axis=1)
        video = tf.reduce_sum(weights * frames, axis=1)
        above, upper = self.upper(tf.concat([below, video], -1), upper)
        return tf.nn.log_softmax(self.words(above)), lower, upper


def products(decoder: TwoLayerLSTM, words: int) -> Search:
    """What every search has to do for each word; finds no caption."""
    layers = [
        decoder.lower_words,
        decoder.lower.recurrent,
        decoder.attentions[0].energy.query,
        decoder.upper_lower,
        decoder.upper.recurrent,
        decoder.words,
    ]
    rows = [tf.ones([BEAM, layer.kernel.shape[0]]) for layer in layers]

    def body(time: tf.Tensor, total: tf.Tensor) -> tuple:
        found = [
            tf.reduce_sum(layer(row + total))
            for row, layer in zip(rows, layers, strict=True)
        ]
        return time + 1, tf.tanh(tf.add_n(found))

    def search(frames: tf.Tensor) -> Captions:
        del frames
        _, total = tf.while_loop(
            lambda time, _: time <= words, body, (tf.constant(0), tf.constant(0.0))
        )
        nothing = tf.fill([1, 1, 1], PAD)
        total = total[tf.newaxis, tf.newaxis]
        return Captions(nothing, total, {}, total[tf.newaxis])

    return search


def copied(decoder: TwoLayerLSTM, frames: tf.Tensor) -> TwoLayerLSTM:
    """Another decoder with the same weights."""
    copy = build(frames)
    copy.set_weights(decoder.get_weights())
    return copy


def agree(one: Captions, other: Captions) -> str:
    """How far two searches found the same."""
    same = np.all(one.tokens == other.tokens, axis=(1, 2))
    apart = np.abs(one.log_probs - other.log_probs)[same].max(initial=0)
    return (
        f"{same.mean():.0%} of captions are equal, with log p at most {apart:.3f} apart"
    )


def traced(run: Search) -> Search:
    return tf.function(run, autograph=False)


def measured(
    searches: dict[str, Search], frames: tf.Tensor, rounds: int
) -> dict[str, tuple[float, float]]:
    """Median wall time and mean CPU time of each, in ms."""
    wall: dict[str, list[float]] = {name: [] for name in searches}
    cpu = dict.fromkeys(searches, 0.0)
    for _ in range(rounds):
        for name, run in searches.items():
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            run(frames).tokens.numpy()
            wall[name].append(1000 * (time.perf_counter() - wall_start))
            cpu[name] += 1000 * (time.process_time() - cpu_start) / rounds
    return {name: (statistics.median(wall[name]), cpu[name]) for name in searches}


if __name__ == "__main__":
    main()
