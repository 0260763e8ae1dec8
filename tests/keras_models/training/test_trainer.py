import csv
import json
import math
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from keras_models.training.callbacks.callback import (
    Callback,
    StepEnd,
    TrainBegin,
    ValidationEnd,
)
from keras_models.training.captioner_training import TrainingResult, train
from keras_models.training.checkpoints import CheckpointError
from keras_models.training.guards import TrainingError
from keras_models.training.train_step import TrainStep
from keras_models.training.warm_start import WarmStartError, copy_weights
from tests.support import corpora, mirrored_run, small_runs
from tests.support.paths import ROOT
from tests.support.small_runs import CROSS_ENTROPY, SCHEDULED_SAMPLING, run, settings
from transform.common.errors import DataError
from transform.records.vocabulary import Vocabulary

XE, RL = "cross_entropy", "self_critical"
EVERY = (XE, "scheduled_sampling", RL)  # the second averages its weights
SLOWLY = {**CROSS_ENTROPY, "learning_rate": {"kind": "constant", "rate": 1e-12}}


class Stopped(Exception):  # noqa: N818
    """Raised in place of a kill."""


class StopAfter(Callback):
    """Ends a run after a number of steps, with nothing tidied up."""

    def __init__(self, step: int):
        self._step = step

    def on_step_end(self, step: StepEnd) -> None:
        if step.step == self._step:
            raise Stopped


class Recorder(Callback):
    """Remembers the events that it is called with."""

    def __init__(self) -> None:
        self.runs: list[TrainBegin] = []
        self.steps: list[StepEnd] = []
        self.validations: list[ValidationEnd] = []
        self.messages: list[str] = []
        self.ended = 0

    def on_train_begin(self, run: TrainBegin) -> None:
        self.runs.append(run)

    def on_step_end(self, step: StepEnd) -> None:
        self.steps.append(step)

    def on_validation_end(self, validation: ValidationEnd) -> None:
        self.validations.append(validation)

    def on_message(self, text: str) -> None:
        self.messages.append(text)

    def on_train_end(self) -> None:
        self.ended += 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[pathlib.Path, TrainingResult, Recorder, str]:
    """A run that nothing interrupts."""
    folder, recorder = tmp_path_factory.mktemp("whole"), Recorder()
    result = run(folder, settings(), recorder)
    return folder, result, recorder, small_runs.digest(result)


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> tuple[pathlib.Path, TrainingResult]:
    """Cross-entropy alone."""
    folder = tmp_path_factory.mktemp("short")
    return folder, run(folder, settings(CROSS_ENTROPY))


def test_callbacks_are_called_for_every_step_and_validation(whole):
    _, result, recorder, _ = whole
    assert recorder.runs == [
        TrainBegin(result.folder, (("cross_entropy", 6), ("self_critical", 6)), 0)
    ]
    assert [step.step for step in recorder.steps] == list(range(12))
    assert {"loss", "cross_entropy", "gradient_norm"} <= set(recorder.steps[0].values)
    assert {"loss", "policy_loss", "reward"} <= set(recorder.steps[-1].values)
    assert len(recorder.validations) == 4
    assert len(recorder.validations[0].samples) == 5
    assert recorder.ended == 1


def test_the_result_has_the_best_validation_score(whole):
    _, result, recorder, _ = whole
    scores = [validation.metrics.score for validation in recorder.validations]
    assert result.score == max(scores)
    assert [validation.best for validation in recorder.validations] == [
        score > max([-1, *scores[:index]]) for index, score in enumerate(scores)
    ]


def test_history_files_hold_a_row_for_every_epoch(whole):
    _, result, _, _ = whole
    folder = pathlib.Path(result.folder)
    rows = [json.loads(r) for r in (folder / "history.jsonl").read_text().splitlines()]
    assert rows == list(result.history)
    assert all(0 <= row["bad_endings"] <= 1 for row in rows)
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        ("cross_entropy", 0),
        ("cross_entropy", 1),
        ("self_critical", 0),
        ("self_critical", 1),
    ]
    with (folder / "history.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in table] == [row["loss"] for row in rows]


def test_a_finished_run_comes_back_as_it_was_without_a_step(whole):
    folder, result, _, digest = whole
    recorder = Recorder()
    again = run(folder, settings(), recorder)
    assert recorder.steps == []
    assert recorder.runs[0].finished_steps == 12
    assert small_runs.digest(again) == digest
    assert again.history == result.history


@pytest.mark.parametrize(
    "stops",
    # all after the latest checkpoint, in the middle of an epoch
    [(8,), pytest.param((3, 8), marks=pytest.mark.slow)],
    ids=["last_stage", "every_stage"],
)
def test_a_run_stopped_in_a_stage_ends_with_the_same_bits(whole, tmp_path, stops):
    _, result, _, digest = whole
    for step in stops:
        with pytest.raises(Stopped):
            run(tmp_path, settings(), StopAfter(step))
    recorder = Recorder()
    resumed = run(tmp_path, settings(), recorder)
    assert [step.step for step in recorder.steps] == [8, 9, 10, 11]
    assert recorder.messages == [f"The run in {resumed.folder} goes on after 8 steps."]
    assert small_runs.digest(resumed) == digest
    losses = [row["loss"] for row in resumed.history]
    assert losses == [row["loss"] for row in result.history]


@pytest.mark.slow
def test_a_stopped_run_on_pairs_that_averages_ends_with_the_same_bits(tmp_path):
    pairs = {"kind": "pairs", "size": 12}
    config = settings({**SCHEDULED_SAMPLING, "epochs": 1}, batch=pairs)
    unstopped = run(tmp_path / "one", config)
    with pytest.raises(Stopped):
        run(tmp_path / "other", config, StopAfter(4))
    resumed = run(tmp_path / "other", config)
    assert small_runs.digest(resumed) == small_runs.digest(unstopped)


def test_the_averaged_weights_are_validated_and_returned(tmp_path):
    begun = {**CROSS_ENTROPY, "epochs": 1}
    latest, averaged = (
        run(tmp_path, settings({**begun, "averaging": averaging}))
        for averaging in ({"kind": "latest"}, {"kind": "moving", "decay": 0.9})
    )
    ours, theirs = (
        result.model.captioner.decoder.embedding.embeddings.numpy()
        for result in (averaged, latest)
    )
    state = tf.train.load_checkpoint(f"{averaged.folder}/checkpoints")
    stored = [state.get_tensor(name) for name in state.get_variable_to_shape_map()]
    # Updates go on from the weights as without an average, and the averages are what
    # comes out.
    assert any(np.array_equal(theirs, value) for value in stored)
    assert any(np.array_equal(ours, value) for value in stored)
    assert not np.array_equal(ours, theirs)


def start_program(
    folder: pathlib.Path, *stages: str, **environment: str
) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", small_runs.__name__, folder, *stages],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_once_written(program: subprocess.Popen, runs: pathlib.Path, name: str) -> None:
    """Kills a run as soon as a checkpoint file of some name is there."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and program.poll() is None:
        if any(runs.glob(f"*/checkpoints/{name}*")):
            break
        time.sleep(0.005)
    program.send_signal(signal.SIGKILL)
    assert program.wait() == -signal.SIGKILL
    program.stdout.close()


def test_a_killed_process_started_again_ends_with_the_same_bits(short, tmp_path):
    kill_once_written(start_program(tmp_path, XE), tmp_path / "runs", "state-2")
    program = start_program(tmp_path, XE)
    output, _ = program.communicate()
    assert output.split() == [small_runs.digest(short[1])]


@pytest.mark.slow
def test_a_process_killed_at_ten_random_moments_ends_with_the_same_bits(tmp_path):
    begun = time.monotonic()
    expected, _ = start_program(tmp_path / "unkilled", *EVERY).communicate()
    seconds = time.monotonic() - begun
    folder, rng = tmp_path / "killed", random.Random(0)
    for kill in range(10):
        program = start_program(folder, *EVERY)
        # As it starts or whenever, at last soon after it has written one more state.
        share = rng.uniform(0, 0.8) if kill % 3 == 0 else math.inf
        last = time.monotonic() + share * seconds
        before = newest_state(folder)
        while newest_state(folder) == before and time.monotonic() < last:
            if program.poll() is not None:
                break
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        program.send_signal(signal.SIGKILL)
        program.communicate()
        # A run that was done before it could be killed would show nothing.
        assert program.returncode == -signal.SIGKILL
    output, _ = start_program(folder, *EVERY).communicate()
    assert output == expected != ""


def newest_state(folder: pathlib.Path) -> int:
    """The highest number of a state in a run's folder, 0 if there is none."""
    states = folder.glob("runs/*/checkpoints/state-*.index")
    return max((int(path.stem.rpartition("-")[2]) for path in states), default=0)


def test_other_settings_are_another_run(short):
    folder, result = short
    recorder = Recorder()
    with pytest.raises(Stopped):
        run(folder, settings(CROSS_ENTROPY, seed=1), recorder, StopAfter(0))
    assert recorder.messages[0].endswith(
        "it differs from the one before in training.seed (1 against 0)."
    )
    seeds = {}
    for description in folder.glob("runs/*/run.json"):
        seed = json.loads(description.read_text())["training"]["seed"]
        seeds[seed] = str(description.parent)
    assert sorted(seeds) == [0, 1]
    assert seeds[0] == result.folder


def test_schedules_by_epoch_count_the_epochs_of_all_stages(tmp_path):
    eta = 2.0
    first = {
        **CROSS_ENTROPY,
        "objective": {
            "kind": "cross_entropy",
            "scheduled_sampling": {"kind": "inverse_sigmoid", "eta": eta},
        },
    }
    result = run(tmp_path, settings(first, {**first, "name": "second"}))
    assert [row["sampling_probability"] for row in result.history] == pytest.approx(
        [1 - eta / (eta + math.exp(epoch / eta)) for epoch in range(4)], rel=1e-5
    )


def test_patience_ends_a_stage(tmp_path):
    recorder = Recorder()
    result = run(tmp_path, settings({**SLOWLY, "epochs": 9, "patience": 2}), recorder)
    assert len(result.history) == 3  # the first is the best, two bring no progress
    assert recorder.messages == [
        "Stage cross_entropy ends after epoch 3: no progress in 2 validations."
    ]


def test_weights_that_explode_twice_are_no_result(tmp_path):
    explode = {
        **CROSS_ENTROPY,
        "epochs": 4,
        "learning_rate": {"kind": "constant", "rate": 1e30},
        "clip_norm": None,
    }
    recorder = Recorder()
    with pytest.raises(
        TrainingError, match="stage cross_entropy left no usable weights"
    ):
        run(tmp_path, settings(explode), recorder)
    assert [text.partition("; ")[2] for text in recorder.messages] == [
        "back to the best weights with 0.5 times the learning rate.",
        "the stage ends with its best weights so far.",
    ]
    with pytest.raises(TrainingError, match="lower its learning rate"):
        run(tmp_path, settings(explode))


def test_a_loss_that_is_not_finite_rolls_back_and_training_goes_on(
    tmp_path, monkeypatch
):
    update, calls = TrainStep.__call__, []

    def fail_once(self, batch):
        calls.append(1)
        values = update(self, batch)
        return {**values, "loss": float("nan")} if len(calls) == 5 else values

    monkeypatch.setattr(TrainStep, "__call__", fail_once)
    recorder = Recorder()
    result = run(tmp_path, settings({**CROSS_ENTROPY, "epochs": 3}), recorder)
    assert recorder.messages[0] == (
        "Stage cross_entropy, epoch 2: loss is nan; back to the best weights with 0.5 "
        "times the learning rate."
    )
    rates = [row["learning_rate"] for row in result.history]
    assert rates == pytest.approx([0.01, 0.01, 0.005])
    assert [row["problem"] for row in result.history] == ["", "loss is nan", ""]


def test_validation_clips_without_captions_are_refused(tmp_path):
    training = corpora.write(tmp_path / "train")
    silent = tmp_path / "silent"
    with tf.io.TFRecordWriter(str(silent)) as writer:
        for record in tf.data.TFRecordDataset(training.files).as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            example.features.feature["captions"].bytes_list.value[:] = []
            writer.write(example.SerializeToString())
    config = settings(CROSS_ENTROPY)
    preset = config.preset()
    with pytest.raises(DataError, match="silent has a caption to validate with"):
        train(
            config,
            preset.model,
            preset.plan,
            training.spec,
            training.files,
            [silent],
            training.vocabulary,
            tmp_path / "runs",
        )


def test_an_unwritable_folder_is_one_sentence(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(CheckpointError, match=r"cannot write to .*; name another"):
        run(tmp_path, settings())


def test_a_warm_start_keeps_what_belongs_to_a_word(whole, tmp_path):
    _, result, _, _ = whole
    known = corpora.write(tmp_path / "words").vocabulary
    result.model.save(tmp_path / "saved")
    recorder = Recorder()
    begun = run(
        tmp_path,
        settings({**SLOWLY, "epochs": 1, "l2": 0.0}),
        recorder,
        vocabulary=Vocabulary(reversed(known.words[4:])),
        init_checkpoint=tmp_path / "saved",
    )
    assert f"know {len(known)} of {len(known)} words" in recorder.messages[0]
    # Every word has another id now, and says the same.
    assert begun.score == pytest.approx(result.score)


def test_new_words_begin_with_weights_of_their_own(whole, tmp_path):
    _, result, _, _ = whole
    known = corpora.write(tmp_path / "words").vocabulary
    result.model.save(tmp_path / "saved")
    wider = Vocabulary(["zebra", *known.words[4:]])
    captioner = Captioner(
        result.model.captioner.config, corpora.SPEC, len(wider), 4
    ).build_from_spec()
    fresh = captioner.decoder.embedding.embeddings.numpy()
    assert copy_weights(tmp_path / "saved", CaptioningModel(captioner, wider)) == len(
        known
    )
    rows = captioner.decoder.embedding.embeddings.numpy()
    theirs = result.model.captioner.decoder.embedding.embeddings.numpy()
    zebra = wider.words.index("zebra")
    np.testing.assert_array_equal(rows[zebra], fresh[zebra])
    np.testing.assert_array_equal(np.delete(rows, zebra, axis=0), theirs)


def test_a_warm_start_from_other_parts_is_refused(whole, tmp_path):
    _, result, _, _ = whole
    result.model.save(tmp_path / "saved")
    wider = settings(CROSS_ENTROPY).override({"model": {"decoder": {"units": 9}}})
    with pytest.raises(WarmStartError, match=r"decoder\.units \(9 against 8\)"):
        run(tmp_path, wider, init_checkpoint=tmp_path / "saved")


@pytest.mark.slow
def test_one_mirrored_device_trains_as_one_device_does(tmp_path):
    certain = {
        "model": {"decoder": {"dropout": 0.0}}
    }  # replicas draw masks of their own
    config = settings({**CROSS_ENTROPY, "epochs": 1}).override(certain)
    mirrored = config.override(
        {"distribution": {"kind": "mirrored", "devices": ["CPU:0"]}}
    )
    ours, theirs = run(tmp_path, config), run(tmp_path, mirrored)
    assert ours.folder != theirs.folder
    for one, other in zip(
        ours.model.captioner.weights, theirs.model.captioner.weights, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_two_mirrored_devices_have_the_losses_of_one(tmp_path):
    output = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", mirrored_run.__name__, tmp_path],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    one, two = json.loads(output)
    assert len(one) == 6
    # Sums over a batch are taken in another order.
    np.testing.assert_allclose(two, one, rtol=1e-5)


@pytest.mark.slow
def test_workers_on_two_machines_go_on_after_a_kill_and_end_with_the_same_weights(
    tmp_path,
):
    corpora.write(tmp_path / "train")
    corpora.write(tmp_path / "val", clips=6, seed=1)
    programs = start_workers(tmp_path)
    deadline = time.monotonic() + 300
    while newest_state(tmp_path) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    for program in programs:
        program.kill()
        program.communicate()
    assert [program.returncode for program in programs] == [-signal.SIGKILL] * 2
    programs = start_workers(tmp_path)
    try:
        outputs = [program.communicate(timeout=500)[0] for program in programs]
    finally:
        for program in programs:
            program.kill()
    assert outputs[0] == outputs[1] != ""
    assert [program.returncode for program in programs] == [0, 0]
    (history,) = tmp_path.glob("runs/*/history.jsonl")
    rows = [json.loads(row) for row in history.read_text().splitlines()]
    assert [row["steps"] for row in rows] == [3, 6, 9, 12]


def start_workers(folder: pathlib.Path) -> list[subprocess.Popen]:
    """Two workers of one run, on ports that are free."""
    with socket.socket() as one, socket.socket() as other:
        for listening in (one, other):
            listening.bind(("localhost", 0))
        ports = [listening.getsockname()[1] for listening in (one, other)]
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    return [
        start_program(
            folder,
            XE,
            RL,
            TF_CONFIG=json.dumps(
                {"cluster": cluster, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_float32_weights(tmp_path, precision):
    result = run(tmp_path, settings(CROSS_ENTROPY, precision=precision))
    assert {weight.dtype for weight in result.model.captioner.trainable_variables} == {
        tf.float32
    }
    losses = [row["loss"] for row in result.history]
    assert losses[1] < losses[0]
    assert tf.keras.mixed_precision.global_policy().name == "float32"
