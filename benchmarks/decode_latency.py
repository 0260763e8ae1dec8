"""How long the paper's decoder takes for a caption, beside a plain beam search.

    python benchmarks/decode_latency.py [--rounds 20] [--threads 1]

MGSA's decoder at the paper's sizes: 20 frames of 1536 features, additive attention,
two LSTMs of 1024 units, words of 512 features, 10 000 of them; beam 5, one clip. Random
weights; <eos> is held back, so that a caption has exactly 10 or 20 words. Wall times
are medians; CPU times, means over all threads. All searches take turns within a round,
so that what else runs on the machine slows all of them.

The plain search is what one writes first: inputs joined before each LSTM, keys computed
at every word, the best of all beams' continuations by one `top_k`. It finds the same
captions. The matrix products alone are what no search can leave out.
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

from keras_models.attention.additive import AdditiveConfig
from keras_models.decoders.two_layer_lstm import TwoLayerLSTM, TwoLayerLSTMConfig
from keras_models.search import Beam
from keras_models.structs import Captions, EncodedVideo
from transform.vocabulary import BOS, EOS, PAD, UNK

FRAMES, WIDTH, VOCABULARY, BEAM = 20, 1536, 10_000, 5
LENGTHS = 10, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", default="", help="folder for a profile")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    tf.keras.utils.set_random_seed(0)
    decoder = TwoLayerLSTMConfig().build(VOCABULARY, [AdditiveConfig().build()], 20)
    random = np.random.default_rng(0)
    frames = tf.constant(random.normal(size=(1, FRAMES, WIDTH)).astype(np.float32))
    _step_once(decoder, frames)
    for weight in decoder.trainable_weights:  # words that differ, and long captions
        weight.assign(weight + 0.02 * random.normal(size=weight.shape))

    narrow = _narrowed(decoder, frames)

    table = rich.table.Table("search", "words", "wall ms", "CPU ms")
    for words in LENGTHS:
        searches = {
            "plain": _traced(lambda x, n=words: plain(decoder, x, n)),
            "kinescribe": _traced(lambda x, n=words: ours(decoder, x, n)),
            "kinescribe, bfloat16": _traced(
                lambda x, n=words: ours(narrow, tf.cast(x, tf.bfloat16), n)
            ),
            "its matrix products alone": _traced(
                lambda x, n=words: products(decoder, x, n)
            ),
        }
        first, second, *_ = [run(frames) for run in searches.values()]
        np.testing.assert_array_equal(first.tokens, second.tokens)
        np.testing.assert_allclose(first.log_probs, second.log_probs, rtol=1e-4)
        for name, (wall, cpu) in _times(searches, frames, options.rounds).items():
            table.add_row(name, str(words), f"{wall:.0f}", f"{cpu:.0f}")
    rich.console.Console().print(table)
    if options.profile:
        with tf.profiler.experimental.Profile(options.profile):
            searches["kinescribe"](frames)


def encode(frames: tf.Tensor) -> EncodedVideo:
    """What an encoder would give."""
    mask = tf.ones(tf.shape(frames)[:2], tf.bool)
    return EncodedVideo(frames, mask, (), (), tf.reduce_mean(frames, 1), {}, {})


def ours(decoder: TwoLayerLSTM, frames: tf.Tensor, words: int) -> Captions:
    """The search that is exported."""
    beam = Beam(width=BEAM, min_words=words)
    state, memory = decoder.start(encode(frames))
    return beam.search(decoder.step, state, memory, words)


def plain(decoder: TwoLayerLSTM, frames: tf.Tensor, words: int) -> Captions:
    """A beam search as one writes it first."""
    energy = decoder.attentions[0].energy
    lower_kernel = tf.concat(
        [decoder.lower_words.kernel, decoder.lower.recurrent_kernel], 0
    )
    upper_kernel = tf.concat(
        [
            decoder.upper_lower.kernel,
            decoder.upper_video.kernel,
            decoder.upper.recurrent_kernel,
        ],
        0,
    )
    frames = tf.repeat(frames, BEAM, axis=0)  # (K, T, D)

    def lstm(
        inputs: list, kernel: tf.Tensor, bias: tf.Tensor, cell: tf.Tensor
    ) -> tuple:
        total = tf.matmul(tf.concat(inputs, -1), kernel) + bias
        i, f, g, o = tf.split(total, 4, axis=-1)
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def advance(tokens: tf.Tensor, state: tuple) -> tuple:
        h1, c1, h2, c2 = state
        x = tf.gather(decoder.embedding.embeddings, tokens)
        h1, c1 = lstm([x, h1], lower_kernel, decoder.lower_words.bias, c1)
        query = tf.matmul(tf.concat([h1, h2], -1), energy.query.kernel)
        keys = tf.tensordot(frames, energy.key.kernel, 1) + energy.key.bias
        hidden = tf.tanh(query[:, tf.newaxis] + keys)
        weights = tf.nn.softmax(tf.tensordot(hidden, energy.score.kernel, 1), axis=1)
        video = tf.reduce_sum(weights * frames, axis=1)
        h2, c2 = lstm([h1, video, h2], upper_kernel, decoder.upper_lower.bias, c2)
        logits = tf.matmul(h2, decoder.words.kernel) + decoder.words.bias
        return tf.nn.log_softmax(logits), (h1, c1, h2, c2)

    ids = tf.range(VOCABULARY)

    def body(
        time: tf.Tensor, tokens: tf.Tensor, totals: tf.Tensor, state: tuple
    ) -> tuple:
        log_probs, state = advance(tokens[:, time], state)
        allowed = tf.where(time == words, ids == EOS, ids > UNK)
        log_probs = tf.where(allowed, log_probs, -np.inf)
        totals, chosen = tf.math.top_k(
            tf.reshape(totals[:, tf.newaxis] + log_probs, [-1]), BEAM
        )
        parents, last = chosen // VOCABULARY, chosen % VOCABULARY
        tokens = tf.tensor_scatter_nd_update(
            tf.gather(tokens, parents),
            tf.stack([tf.range(BEAM), tf.fill([BEAM], time + 1)], 1),
            last,
        )
        state = tf.nest.map_structure(lambda leaf: tf.gather(leaf, parents), state)
        return time + 1, tokens, totals, state

    zeros = tf.zeros([BEAM, decoder.config.units])
    _, tokens, totals, _ = tf.while_loop(
        lambda time, *_: time <= words,
        body,
        (
            tf.constant(0),
            tf.concat(
                [tf.fill([BEAM, 1], BOS), tf.fill([BEAM, words + 1], PAD)], axis=1
            ),
            tf.constant([0.0] + [-np.inf] * (BEAM - 1)),
            (zeros, zeros, zeros, zeros),
        ),
    )
    return Captions(tokens[tf.newaxis, :1, 1:], totals[tf.newaxis, :1], {})


def products(decoder: TwoLayerLSTM, frames: tf.Tensor, words: int) -> Captions:
    """What every search has to do for each word; finds no caption."""
    del frames
    skipped = decoder.embedding.embeddings, decoder.attentions[0].energy.key.kernel
    kernels = [
        weight
        for weight in decoder.trainable_weights
        if weight.shape.rank == 2 and not any(weight is each for each in skipped)
    ]
    rows = [tf.ones([BEAM, kernel.shape[0]]) for kernel in kernels]

    def body(time: tf.Tensor, total: tf.Tensor) -> tuple:
        found = [
            tf.reduce_sum(tf.matmul(row + total, kernel))
            for row, kernel in zip(rows, kernels, strict=True)
        ]
        return time + 1, tf.tanh(tf.add_n(found))

    _, total = tf.while_loop(
        lambda time, _: time <= words, body, (tf.constant(0), tf.constant(0.0))
    )
    return Captions(tf.zeros([1, 1, 1], tf.int32), total[tf.newaxis, tf.newaxis], {})


def _step_once(decoder: TwoLayerLSTM, frames: tf.Tensor) -> None:
    with tf.name_scope(decoder.name):
        decoder.step(tf.constant([BOS]), *decoder.start(encode(frames)))


def _narrowed(decoder: TwoLayerLSTM, frames: tf.Tensor) -> TwoLayerLSTM:
    """The same decoder with weights and products in bfloat16."""
    tf.keras.mixed_precision.set_global_policy("bfloat16")
    narrow = TwoLayerLSTMConfig().build(VOCABULARY, [AdditiveConfig().build()], 20)
    with tf.variable_creator_scope(_zeros):  # there are no orthogonal bfloat16
        _step_once(narrow, tf.cast(frames, tf.bfloat16))
    tf.keras.mixed_precision.set_global_policy("float32")
    for ours, theirs in zip(narrow.weights, decoder.weights, strict=True):
        ours.assign(tf.cast(theirs, ours.dtype))
    return narrow


def _zeros(create: Callable, **arguments: Any) -> tf.Variable:
    shape, dtype = arguments["shape"], arguments["dtype"]
    return create(**{**arguments, "initial_value": lambda: tf.zeros(shape, dtype)})


def _traced(run: Callable[[tf.Tensor], Captions]) -> Callable[[tf.Tensor], Captions]:
    return tf.function(run, autograph=False)


def _times(
    searches: dict[str, Callable], frames: tf.Tensor, rounds: int
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
