import functools
import io

import numpy as np
import tensorflow as tf
from rich.console import Console

from keras_models.training.callbacks import progress_bar
from keras_models.training.callbacks.attention_image import (
    CELL,
    MARGIN,
    attention_picture,
)
from keras_models.training.callbacks.callback import (
    Callback,
    CallbackList,
    StepEnd,
    TrainBegin,
    ValidationEnd,
)
from keras_models.training.callbacks.history import HistoryFiles
from keras_models.training.callbacks.progress_bar import ProgressBar
from keras_models.training.callbacks.tensorboard import TensorBoard
from keras_models.training.monitor import Monitor
from keras_models.training.validation_result import CaptionSample, ValidationMetrics
from transform.common.progress_bar import ProgressLines

METRICS = ValidationMetrics(
    Monitor({"CIDEr-D": 1.0}),
    {"CIDEr-D": 0.5, "distinct_captions": 7, "bad_endings": 0.25},
)


def call_all(callback: Callback, folder: str) -> None:
    """Calls every method, as a run of two stages that is resumed in the second."""
    callback.on_train_begin(TrainBegin(folder, (("first", 4), ("second", 6)), 5))
    for step in range(5, 10):
        callback.on_step_end(
            StepEnd("second", 0, step, {"loss": 1 / step, "reward": 2.0})
        )
    sample = CaptionSample(
        "clip1", "a [red] ball", ("the red ball",), {"temporal": np.eye(4, 6)}
    )
    callback.on_validation_end(ValidationEnd("second", 0, 10, METRICS, True, (sample,)))
    callback.on_epoch_end([{"stage": "second", "loss": 0.1}])
    callback.on_message("The learning rate was lowered [once].")
    callback.on_train_end()


def test_tensorboard_gets_losses_scores_captions_and_messages(tmp_path):
    call_all(TensorBoard(every=5), str(tmp_path))
    found = {}
    for path in tmp_path.glob("tensorboard/*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[value.tag, event.step] = tf.make_ndarray(value.tensor)
    assert float(found["train/loss", 5]) == tf.constant(0.2).numpy()
    assert ("train/loss", 6) not in found
    assert found["validation/CIDEr-D", 10] == 0.5
    assert found["validation/bad endings", 10] == 0.25
    width, height, png = found["attention temporal/clip1", 10]
    assert (int(width), int(height)) == (MARGIN + 6 * CELL, 4 * CELL)
    assert tf.io.decode_png(png).shape == (4 * CELL, MARGIN + 6 * CELL, 3)
    captions = found["validation/captions", 10].item().decode()
    assert "| clip1 | a [red] ball | the red ball |" in captions
    assert b"lowered" in found["messages", 0].item()


def test_an_attention_picture_is_bluest_where_the_weight_is_largest():
    weights = np.array([[0.0, 0.5, 0.25], [0.25, 0.0, 0.0]])
    cells = attention_picture("ball", weights)[CELL // 2 :: CELL, MARGIN + CELL // 2 :]
    red = cells[:, ::CELL, 0].astype(int)  # the less of it, the bluer
    assert red.argmin() == 1
    assert red[0, 2] == red[1, 0]
    assert (red[weights == 0] == 255).all()


def test_the_progress_bar_starts_where_the_run_stands(tmp_path):
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100)
    call_all(ProgressBar(console), str(tmp_path))
    text = output.getvalue()
    assert "4/4" in text  # the first stage was done
    assert "6/6" in text
    assert "CIDEr-D 0.500 (best), distinct captions 7, bad endings 0.25" in text
    assert "a [red] ball" in text
    assert "lowered [once]" in text


def test_a_log_gets_lines_in_place_of_bars(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 10))  # seconds, at each look
    monkeypatch.setattr(
        progress_bar,
        "ProgressLines",
        functools.partial(ProgressLines, clock=clock.__next__),
    )
    output = io.StringIO()
    callback = progress_bar.progress(Console(file=output, width=40))
    call_all(callback, str(tmp_path))
    text = output.getvalue()
    assert (
        "  second: 3 of 6 steps (50%), 3 steps a minute, 60 s left, loss 0.167" in text
    )
    assert "CIDEr-D 0.500 (best), distinct captions 7, bad endings 0.25" in text
    assert "a [red] ball" in text and "lowered [once]" in text


def test_a_callback_list_calls_every_callback(tmp_path):
    class Names(Callback):
        def __init__(self):
            self.called = []

        def __getattribute__(self, name):
            if name.startswith("on_"):
                self.called.append(name)
            return super().__getattribute__(name)

    one, other = Names(), Names()
    call_all(CallbackList([one, other]), str(tmp_path))
    assert set(one.called) == {name for name in dir(Callback) if name.startswith("on_")}
    assert one.called == other.called


def test_history_with_columns_of_several_stages_is_one_table(tmp_path):
    history = HistoryFiles()
    history.on_train_begin(TrainBegin(str(tmp_path), (), 0))
    history.on_epoch_end([{"stage": "a", "loss": 1.0}, {"stage": "b", "reward": 2.0}])
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines == ["stage,loss,reward", "a,1.0,", "b,,2.0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.csv",
        "history.jsonl",
    ]
