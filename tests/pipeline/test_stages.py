import io
import pathlib

import pytest
import rich.console
from hypothesis import given
from hypothesis import strategies as st
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from pipeline import metadata_store, stages
from pipeline.console_progress import ConsoleProgress
from tests.support import stage_fakes
from transform.common.errors import KinescribeError


class Recorder:
    """A callback that records its calls."""

    def __init__(self):
        self.events = []

    def on_stage_begin(self, index, total, name):
        self.events.append(("started", index, total, name))

    def on_stage_end(self, index, total, stage):
        self.events.append(("finished", index, total, stage.name, stage.cached))

    def on_stage_failure(self, index, total, name):
        self.events.append(("failed", index, total, name))


class Bench:
    """The fake pipeline in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.log = folder / "log"
        self.obstacle = folder / "obstacle"
        self.connection = metadata.sqlite_metadata_connection_config(
            str(folder / "metadata.sqlite")
        )

    def run(self, callback=None, uncached=()):
        first = stage_fakes.First(log=str(self.log))
        second = stage_fakes.Second(
            schema=first.outputs["schema"],
            log=str(self.log),
            obstacle=str(self.obstacle),
        )
        pipeline = Pipeline(
            pipeline_name="fake",
            pipeline_root=str(self.folder / "artifacts"),
            components=[first, second],
            enable_cache=True,
            metadata_connection_config=self.connection,
        )
        return stages.StageRunner(callback or Recorder(), uncached).run(pipeline)

    def ran(self):
        names = self.log.read_text().split()
        self.log.write_text("")
        return names


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["test"])
    return Bench(tmp_path)


def test_second_run_uses_every_output_of_the_first(bench):
    first = bench.run()
    assert bench.ran() == ["First", "Second"]
    recorder = Recorder()
    again = bench.run(recorder)
    assert bench.ran() == []
    assert recorder.events == [
        ("started", 1, 2, "First"),
        ("finished", 1, 2, "First", True),
        ("started", 2, 2, "Second"),
        ("finished", 2, 2, "Second", True),
    ]
    for name, key in (("First", "schema"), ("Second", "model")):
        assert again[name].outputs[key].uri == first[name].outputs[key].uri
    model = again["Second"].outputs["model"]
    assert model.get_string_custom_property("property") == "value"


def test_uncached_stage_always_runs(bench):
    bench.run(uncached={"Second"})
    bench.ran()
    done = bench.run(uncached={"Second"})
    assert bench.ran() == ["Second"]
    assert [stage.cached for stage in done.values()] == [True, False]


def test_output_that_somebody_deleted_is_made_again(bench):
    done = bench.run()
    bench.ran()
    folder = pathlib.Path(done["Second"].outputs["model"].uri)
    (folder / "model").unlink()
    folder.rmdir()
    bench.run()
    assert bench.ran() == ["Second"]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("clear", "stage 2 of 2, Second, failed: The clip is broken."),
        ("other", "stage 2 of 2, Second, failed: ZeroDivisionError: is wrong"),
    ],
)
def test_failure_names_stage_and_reason_and_keeps_what_is_done(bench, kind, sentence):
    bench.obstacle.write_text(kind)
    recorder = Recorder()
    with pytest.raises(stages.StageError) as error:
        bench.run(recorder)
    assert str(error.value) == sentence
    assert recorder.events[-1] == ("failed", 2, 2, "Second")
    bench.ran()
    bench.obstacle.unlink()
    bench.run()
    assert bench.ran() == ["Second"]


def test_killed_stage_is_closed_and_runs_again(bench):
    bench.obstacle.write_text("killed")
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    bench.ran()
    connection = metadata.Metadata(bench.connection)
    assert stages.close_abandoned(connection) == [2]
    assert stages.close_abandoned(connection) == []
    bench.obstacle.unlink()
    bench.run()
    assert bench.ran() == ["Second"]


def artifacts(bench):
    return {p for p in (bench.folder / "artifacts").rglob("*") if p.is_file()}


def test_without_its_database_a_run_writes_beside_what_is_there(bench, caplog):
    bench.run()
    before = {path: path.read_text() for path in artifacts(bench)}
    (bench.folder / metadata_store.FILE).unlink()
    bench.ran()
    for skipped in (2, 0):
        with metadata_store.opened(bench.folder) as handle:
            found = metadata_store.skip_used_ids(handle, bench.folder / "artifacts")
        assert found == skipped
    assert [
        record.message[:36] for record in caplog.records if "lost" in record.msg
    ] == ["the notes of runs up to number 2 are"]
    done = bench.run()
    assert bench.ran() == ["First", "Second"]
    assert pathlib.Path(done["Second"].outputs["model"].uri).name == "4"
    assert before == {path: path.read_text() for path in before}
    assert len(artifacts(bench)) == 2 * len(before)


@given(st.text(max_size=200))
def test_reason_is_one_line_whatever_the_error_says(text):
    assert "\n" not in stages.reason(RuntimeError(text))
    assert "\n" not in stages.reason(KinescribeError(text))


def test_reason_leaves_out_where_beam_was():
    text = "clip 7 is broken. [while running 'Extract/Map(<lambda at x.py:3>)']"
    assert stages.reason(KinescribeError(text)) == "clip 7 is broken."


def lines(terminal):
    console = rich.console.Console(
        file=io.StringIO(), force_terminal=terminal, width=80, color_system=None
    )
    shown = ConsoleProgress(console)
    for index, (name, cached) in enumerate([("Transform", False), ("Trainer", True)]):
        shown.on_stage_begin(index + 1, 10, name)
        shown.on_stage_end(index + 1, 10, stages.Stage(name, 7.94, cached, {}))
    return console.file.getvalue()


LINES = [
    " 1/10 Transform            7.9 s",
    " 2/10 Trainer              cached",
]


def test_log_has_one_line_a_stage():
    assert lines(terminal=False).splitlines() == LINES


def test_terminal_line_ends_with_the_time():
    last = [line.split("\x1b[2K")[-1] for line in lines(terminal=True).splitlines()]
    assert [line for line in last if not line.endswith("… ")] == LINES


def test_a_stage_with_progress_of_its_own_starts_on_a_line_of_its_own():
    assert " 2/10 Trainer            … \n" in lines(terminal=True)
    assert " 1/10 Transform          … \n" not in lines(terminal=True)


def test_a_stage_that_says_so_stops_the_run_and_again_when_it_is_cached(tmp_path):
    bench = Bench(tmp_path)
    look = stage_fakes.Look(answer="stop")
    first = stage_fakes.First(log=str(bench.log))
    first.add_upstream_node(look)
    pipeline = Pipeline(
        pipeline_name="fake",
        pipeline_root=str(tmp_path / "artifacts"),
        components=[look, first],
        enable_cache=True,
        metadata_connection_config=bench.connection,
    )
    for cached in (False, True):
        recorder = Recorder()
        with pytest.raises(stages.StoppedError, match=r"Drift: seconds 0\.41"):
            stages.StageRunner(recorder).run(pipeline)
        assert recorder.events[-1] == ("finished", 1, 2, "Look", cached)
    assert not bench.log.exists()
