"""A training step and a caption of soft attention, beside the same model in PyTorch.

    python -m venv peer && peer/bin/pip install torch
    python benchmarks/peer_step.py --peer peer/bin/python [--words 15] [--captions 1 5]

Both are an SA-LSTM: 20 × 1536 features, additive attention of 512 units, an LSTM of 512
units that reads 512 numbers of a word, 10,000 words, dropout 0.5, Adam. PyTorch's is
written as people write it: `nn.LSTMCell`, a loop over the words, a pair of clip and
caption in each row. A step is forward, backward and update. Rounds of both alternate in
one run; times are medians of wall time, and CPU time over all threads.

Without `--peer`, or where it has no torch, only ours is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FRAMES, WIDTH, UNITS, EMBEDDING, VOCABULARY = 20, 1536, 512, 512, 10_000
CLIPS, BEAM, BEAM_WORDS = 32, 5, 10
BOS, EOS = 1, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", help="a Python interpreter that has torch")
    parser.add_argument("--words", type=int, default=15, help="of a caption, at most")
    parser.add_argument("--shortest", type=int, help="of a caption; default --words")
    parser.add_argument("--captions", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.shortest = options.shortest or options.words
    if options.serve_peer:
        _serve(_torch_runs(options))
        return
    ours = _our_runs(options)
    peer = _Peer(options) if options.peer else None
    if not options.peer:
        print("no --peer: PyTorch is not measured")
    print(f"{'':<34}{'ours':>15}{'PyTorch':>17}{'':>9}")
    for name, (run, captions) in ours.items():
        run()  # traces
        rounds: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
        for _ in range(options.rounds):
            rounds["ours"].append(_timed(run))
            if peer and peer.here:
                rounds["peer"].append(peer.timed(name))
        print(_line(name, captions, rounds))


def _line(
    name: str, captions: int, rounds: dict[str, list[tuple[float, float]]]
) -> str:
    text = f"{name:<34}"
    rates = []
    for whose in ("ours", "peer"):
        if not rounds[whose]:
            continue
        wall, cpu = (
            1000 * statistics.median(values)
            for values in zip(*rounds[whose], strict=True)
        )
        rates.append((captions if whose == "ours" else _pairs(captions)) / wall)
        text += f"{wall:>7.0f} / {cpu:>4.0f} ms"
    if len(rates) == 2:
        text += f"{rates[0] / rates[1]:>7.2f} × captions a second"
    return text


def _pairs(captions: int) -> int:
    """Returns how many captions the peer's step has: one in each of its rows."""
    return captions if captions == 1 else CLIPS


def _timed(run: Callable[[], Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def _tokens(captions: int, options: argparse.Namespace) -> Any:
    import numpy as np

    random = np.random.default_rng(0)
    shape = CLIPS, captions, options.words
    tokens = random.integers(4, VOCABULARY, shape)
    lengths = random.integers(options.shortest, options.words + 1, shape[:2])
    place = np.arange(options.words)
    tokens[place == lengths[..., None] - 1] = EOS
    tokens[place >= lengths[..., None]] = 0
    return tokens


# --------------------------------------------------------------------------- ours


def _our_runs(
    options: argparse.Namespace,
) -> dict[str, tuple[Callable[[], Any], int]]:
    import numpy as np
    import tensorflow as tf

    from keras_models.captioner import Captioner
    from keras_models.captioner_config import CaptionerConfig
    from keras_models.generation import BeamSearch
    from keras_models.objectives.cross_entropy import CrossEntropy
    from keras_models.objectives.objective import ObjectiveContext, StepCounters
    from keras_models.structs import TrainingBatch, VideoBatch
    from transform.common.precision import dtype_policy
    from transform.records.vocabulary import Vocabulary
    from transform.schema import FeatureSpec, Imported

    spec = FeatureSpec(
        features=(Imported(name="cnn", shape=(WIDTH,), max_steps=FRAMES),)
    )
    config = CaptionerConfig.from_dict(
        {
            "encoder": {"kind": "pooled", "grid": "cnn"},
            "attentions": [{"kind": "additive", "units": UNITS}],
            "decoder": {
                "kind": "attentive_lstm",
                "units": UNITS,
                "embedding": EMBEDDING,
            },
        }
    )
    words = Vocabulary([f"w{number}" for number in range(VOCABULARY - 4)])
    random = np.random.default_rng(0)

    def video(clips: int) -> VideoBatch:
        features = random.normal(size=(clips, FRAMES, WIDTH)).astype(np.float16)
        return VideoBatch(
            tf.fill([clips], ""),
            {"cnn": tf.constant(features)},
            {"cnn": tf.ones([clips, FRAMES], tf.bool)},
        )

    def step(captions: int, precision: str) -> Callable[[], Any]:
        with dtype_policy(precision):
            model = Captioner(config, spec, len(words), options.words)
            model.build_from_spec()
        context = ObjectiveContext(words, {}, options.words, StepCounters())
        objective = CrossEntropy().build(context)
        optimizer = tf.keras.optimizers.legacy.Adam(1e-4)
        batch = TrainingBatch(
            video(CLIPS), tf.constant(_tokens(captions, options), tf.int32)
        )

        @tf.function(autograph=False)
        def update(batch: TrainingBatch) -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = objective(model, batch).loss
            weights = model.trainable_weights
            gradients = tape.gradient(loss, weights)
            optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return loss

        return lambda: update(batch).numpy()

    def caption() -> Callable[[], Any]:
        model = Captioner(config, spec, len(words), BEAM_WORDS).build_from_spec()
        clip = video(1)
        search = BeamSearch(width=BEAM)
        write = tf.function(model.caption, autograph=False)
        return lambda: write(clip, search).captions.tokens.numpy()

    runs: dict[str, tuple[Callable[[], Any], int]] = {}
    for captions in options.captions:
        for precision in ("float32", "mixed_bfloat16"):
            name = f"step, {CLIPS} × {captions}, {precision}"
            runs[name] = step(captions, precision), CLIPS * captions
    runs[f"beam {BEAM}, {BEAM_WORDS} words, one clip"] = caption(), 1
    return runs


# ---------------------------------------------------------------------- the peer


class _Peer:
    """The peer's process, which runs what it is asked for once at a time."""

    def __init__(self, options: argparse.Namespace):
        self._process = subprocess.Popen(
            [
                options.peer,
                __file__,
                "--serve-peer",
                f"--words={options.words}",
                f"--shortest={options.shortest}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        self.here = answer == "ready"
        if not self.here:
            print(answer or f"{options.peer} ended: PyTorch is not measured")

    def timed(self, name: str) -> tuple[float, float]:
        """Runs the peer's part of a measurement; returns wall and CPU seconds."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print("beam" if name.startswith("beam") else "step", file=self._process.stdin)
        self._process.stdin.flush()
        wall, cpu = json.loads(self._process.stdout.readline())
        return wall, cpu


def _serve(runs: dict[str, Callable[[], Any]] | None) -> None:
    if runs is None:
        print("torch is absent there: PyTorch is not measured", flush=True)
        return
    for run in runs.values():
        run()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_timed(runs[line.strip()])), flush=True)


def _torch_runs(options: argparse.Namespace) -> dict[str, Callable[[], Any]] | None:
    try:
        import torch
    except ImportError:
        return None
    from torch import nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.key = nn.Linear(WIDTH, UNITS)
            self.query = nn.Linear(UNITS, UNITS, bias=False)
            self.score = nn.Linear(UNITS, 1, bias=False)

        def forward(self, hidden: Any, keys: Any, frames: Any) -> Any:
            scores = self.score(torch.tanh(keys + self.query(hidden).unsqueeze(1)))
            weights = torch.softmax(scores.squeeze(2), dim=1)
            return (weights.unsqueeze(2) * frames).sum(1)

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, EMBEDDING)
            self.attention = Attention()
            self.cell = nn.LSTMCell(EMBEDDING + WIDTH, UNITS)
            self.dropout = nn.Dropout(0.5)
            self.words = nn.Linear(UNITS, VOCABULARY)

        def advance(self, token: Any, state: Any, keys: Any, frames: Any) -> Any:
            vector = self.attention(state[0], keys, frames)
            return self.cell(torch.cat([self.embedding(token), vector], 1), state)

        def start(self, frames: Any) -> tuple[Any, Any]:
            zeros = frames.new_zeros(len(frames), UNITS)
            return (zeros, zeros), self.attention.key(frames)

        def forward(self, frames: Any, tokens: Any) -> Any:
            state, keys = self.start(frames)
            inputs = torch.cat([torch.full_like(tokens[:, :1], BOS), tokens], 1)
            outputs = []
            for place in range(tokens.shape[1]):
                state = self.advance(inputs[:, place], state, keys, frames)
                outputs.append(self.words(self.dropout(state[0])))
            return torch.stack(outputs, 1)

    torch.manual_seed(0)
    model = Decoder()
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    frames = torch.randn(CLIPS, FRAMES, WIDTH)
    tokens = torch.as_tensor(_tokens(1, options)[:, 0])
    loss_of = nn.CrossEntropyLoss(ignore_index=0)

    def step() -> float:
        optimizer.zero_grad()
        logits = model(frames, tokens)
        loss = loss_of(logits.flatten(0, 1), tokens.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def beam() -> Any:
        model.eval()
        clip = frames[:1].expand(BEAM, -1, -1)
        state, keys = model.start(clip)
        token = torch.full((BEAM,), BOS)
        total = torch.zeros(BEAM)
        written = torch.zeros(BEAM, 0, dtype=torch.long)
        for _ in range(BEAM_WORDS):
            state = model.advance(token, state, keys, clip)
            scores = torch.log_softmax(model.words(state[0]), 1) + total[:, None]
            total, best = scores.flatten().topk(BEAM)
            rows, token = best // VOCABULARY, best % VOCABULARY
            state = tuple(part[rows] for part in state)
            written = torch.cat([written[rows], token[:, None]], 1)
        model.train()
        return written

    return {"step": step, "beam": beam}


if __name__ == "__main__":
    main()
