from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_models.data.records import RecordDataset
from keras_models.ensembling.relevance.training import (
    RelevanceTraining,
    train_relevance,
)
from keras_models.training.callbacks.callback import Callback
from keras_models.training.guards import TrainingError
from keras_models.training.train_step import TrainStep
from tests.support import corpora

CONFIG = RelevanceTraining.from_dict(
    {
        "relevance": {
            "modalities": ["tiny"],
            "units": 16,
            "embedding": 16,
            "blocks": 1,
            "heads": 2,
            "feedforward": 16,
            "dropout": 0.1,
        },
        "schedule": {
            "name": "relevance",
            "epochs": 12,
            "learning_rate": {"kind": "constant", "rate": 0.01},
        },
        "batch": {"kind": "clips", "size": 8, "captions": 2},
        "max_words": 5,
        "checkpoint_steps": 2,
    }
)
SHORT = CONFIG.override({"schedule": {"epochs": 2}})


class Stop(Callback):
    """Ends a run after some steps, as a kill would."""

    def __init__(self, after: int):
        self._after = after

    def on_step_end(self, step):
        if step.step == self._after:
            raise KeyboardInterrupt


def run(folder: pathlib.Path, config=SHORT, *callbacks: Callback):
    training = corpora.write(folder / "train")
    validation = corpora.write(folder / "val", clips=12, seed=1)
    return train_relevance(
        config,
        training.spec,
        training.files,
        validation.files,
        training.vocabulary,
        folder / "runs",
        callbacks,
    )


def test_a_trained_model_ranks_the_right_caption_first(tmp_path):
    """Of what the features tell apart: colour and movement of new clips."""
    result = run(tmp_path, CONFIG)
    corpus = corpora.write(tmp_path / "val", clips=12, seed=1)
    words = corpora.COLOURS, corpora.MOVES
    texts = [f"the {c} ball {m} slowly" for c in words[0] for m in words[1]]
    tokens = corpus.vocabulary.encode(tf.constant(texts), CONFIG.max_words)
    right = 0
    for video in RecordDataset(corpus.files, corpus.spec).videos(1, ["tiny"]):
        scores = result.model.score(video, tokens[tf.newaxis])[0].numpy()
        references = corpus.references[video.video_id.numpy()[0].decode()]
        right += texts[int(np.argmax(scores))] in references
    assert right >= 10
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    best = max(row["mean_reciprocal_rank"] for row in result.history)
    assert result.score == best
    lines = (pathlib.Path(result.folder) / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(12))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", SHORT, Stop(after=3))
    resumed = run(tmp_path / "stopped")
    assert resumed.history[-1]["steps"] == whole.history[-1]["steps"] == 6
    for one, other in zip(whole.model.weights, resumed.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_returns_at_once_what_it_found(tmp_path):
    first = run(tmp_path)
    again = run(tmp_path, SHORT, Stop(after=0))
    assert again.score == first.score
    assert [dict(row) for row in again.history] == [dict(row) for row in first.history]


def test_a_loss_that_is_not_finite_is_rolled_back_and_then_ends_the_run(tmp_path):
    rate = {"schedule": {"learning_rate": {"rate": 1e30}, "clip_norm": None}}
    with pytest.raises(TrainingError, match="relevance left no usable weights"):
        run(tmp_path, SHORT.override(rate))


class Events(Callback):
    """Remembers validations and messages."""

    def __init__(self):
        self.validations = []
        self.messages = []

    def on_validation_end(self, validation):
        self.validations.append(validation)

    def on_message(self, text):
        self.messages.append(text)


def test_callbacks_are_called_with_the_metrics_of_every_validation(tmp_path):
    events = Events()
    result = run(tmp_path, SHORT, events)
    assert [end.metrics.monitor.name for end in events.validations] == [
        "mean_reciprocal_rank"
    ] * 2
    assert result.score == max(end.metrics.score for end in events.validations)
    assert set(events.validations[0].metrics.values) <= set(result.history[0])


def test_weights_that_get_worse_are_rolled_back(tmp_path, monkeypatch):
    update, calls = TrainStep.__call__, []

    def fail_once(self, batch):
        calls.append(1)
        values = update(self, batch)
        return {**values, "loss": float("nan")} if len(calls) == 5 else values

    monkeypatch.setattr(TrainStep, "__call__", fail_once)
    events = Events()
    result = run(tmp_path, SHORT.override({"schedule": {"epochs": 3}}), events)
    assert "back to the best weights with 0.5 times" in events.messages[0]
    rates = [row["learning_rate"] for row in result.history]
    assert rates == pytest.approx([0.01, 0.01, 0.005])


@pytest.mark.slow
def test_mixed_precision_and_averages_train_float32_weights(tmp_path):
    config = SHORT.override(
        {
            "precision": "mixed_bfloat16",
            "schedule": {"averaging": {"kind": "moving", "decay": 0.9}},
        }
    )
    model = run(tmp_path, config).model
    assert model.compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.trainable_variables} == {tf.float32}
