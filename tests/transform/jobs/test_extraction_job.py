import contextlib
import filecmp
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.support import clips, corpus
from tests.support.paths import ROOT
from transform.backbones import loading
from transform.datasets import VideoRecord
from transform.extractors.clip_extractor import Extractor
from transform.jobs import beam_runner, extraction_job
from transform.jobs.beam_runner import BeamRunner
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records import example_codec
from transform.records.dataset import ExtractedDataset
from transform.records.feature_store import FeatureStore
from transform.records.manifest import Manifest, ManifestError

SPEC = loading.resolve(corpus.SPEC)
SETTINGS = ExtractionSettings(workers=1, shards=2, max_failure_ratio=0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    corpus.render(folder)
    return folder


class Run:
    """An extraction into folders of its own."""

    def __init__(self, folder: pathlib.Path, source):
        self.source = source
        self.store = folder / "store"
        self.out = folder / "out"

    def __call__(self, settings: ExtractionSettings = SETTINGS, **changes) -> Manifest:
        return extraction_job.extract(
            changes.pop("source", self.source),
            changes.pop("spec", corpus.SPEC),
            store=str(self.store),
            out=str(self.out),
            settings=settings.replace(**changes),
        )

    def entries(self) -> dict[str, int]:
        """The store's files and when they were written."""
        return {
            str(path.relative_to(self.store)): path.stat().st_mtime_ns
            for path in self.store.rglob("*.zip")
        }

    def shards(self) -> list[str]:
        return sorted(str(p.relative_to(self.out)) for p in self.out.glob("Split-*/*"))

    def examples(self, split: str) -> list[example_codec.VideoExample]:
        found = []
        for path in sorted(self.out.glob(f"Split-{split}/*")):
            for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                example = tf.train.Example.FromString(data)
                found.append(example_codec.from_example(example, SPEC))
        return found


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    """One run over all clips, not to be run again."""
    run = Run(tmp_path_factory.mktemp("run"), corpus.annotate(folder))
    run()
    return run


@pytest.fixture
def run(folder, tmp_path):
    """A run over three good clips."""
    source = corpus.annotate(folder, ("whole", "short", "another"))
    return Run(tmp_path, source)


# --------------------------------------------------------------------- what comes out


def test_every_clip_ends_in_one_row_that_says_what_became_of_it(done):
    rows = {row.video_id: row for row in ExtractedDataset(done.out).manifest.rows}
    assert rows.keys() == {*corpus.GOOD, *corpus.BAD}
    assert {k: r.reason for k, r in rows.items() if not r.usable} == corpus.BAD
    assert rows["whole"].status == rows["sounding"].status == "ok"
    assert rows["short"].status == "short"
    assert rows["damaged"].status == "repaired"
    assert rows["damaged"].packets_lost > 0
    assert rows["sounding"].audio == "aac"
    assert (rows["another"].frames, rows["another"].width) == (40, 160)
    for row in rows.values():
        assert bool(row.shard) == row.usable
        assert not row.shard or (done.out / row.shard).is_file()
        assert bool(row.clip_hash) == (row.video_id != "missing")


def test_records_hold_what_the_extractor_gives(done, folder):
    [example] = [e for e in done.examples("train") if e.video_id == "sounding"]
    direct = Extractor(SPEC).extract(folder / "sounding.mp4")
    assert example.features.keys() == direct.features.keys()
    for name, values in direct.features.items():
        np.testing.assert_array_equal(example.features[name], values)
    assert example.captions == ("this is sounding",)
    assert example.category == "bars"
    assert example.clip_length == "under_5s"


def test_each_usable_clip_is_in_its_split_once(done):
    found = {
        s: [e.video_id for e in done.examples(s)] for s in ("train", "val", "test")
    }
    assert found["val"] == ["another"]
    assert found["test"] == ["third"]
    assert sorted(found["train"]) == sorted({*corpus.GOOD} - {"another", "third"})


def test_shards_are_dealt_evenly_and_hold_their_clips_by_id(done):
    assert done.shards() == [
        "Split-test/data_tfrecord-00000-of-00001",
        "Split-train/data_tfrecord-00000-of-00002",
        "Split-train/data_tfrecord-00001-of-00002",
        "Split-val/data_tfrecord-00000-of-00001",
    ]
    for shard in done.shards()[1:3]:
        data = tf.data.TFRecordDataset(str(done.out / shard)).as_numpy_iterator()
        ids = [
            example_codec.from_example(tf.train.Example.FromString(d), SPEC).video_id
            for d in data
        ]
        assert ids == sorted(ids) and len(ids) == 2


def test_nothing_else_is_left_behind(done):
    assert sorted(path.name for path in done.out.iterdir()) == [
        "Split-test",
        "Split-train",
        "Split-val",
        "feature_spec.json",
        "manifest.csv",
        "manifest.parquet",
    ]
    assert (done.out / "feature_spec.json").read_text() == SPEC.to_json()


def test_clips_of_one_file_are_told_apart_by_their_seconds(folder, tmp_path):
    path = folder / "parts.jsonl"
    path.write_text(
        '{"id": "a", "video": "whole.mp4", "split": "train", "captions": ["x"], '
        '"start": 0, "end": 1}\n'
        '{"id": "b", "video": "whole.mp4", "split": "train", "captions": ["y"], '
        '"start": 1}\n'
        '{"id": "c", "video": "whole.mp4", "split": "train", "captions": ["z"], '
        '"start": 7}\n'
    )
    run = Run(tmp_path, type(corpus.annotate(folder))(file=str(path)))
    manifest = run()
    assert [row.frames for row in manifest.rows] == [30, 30, 0]
    assert "no frame lies in the clip from 7 s" in manifest.rows[2].reason
    assert len(run.entries()) == 3


# ------------------------------------------------------------------- again, and again


def test_second_run_extracts_nothing_and_writes_the_same_bytes(run, monkeypatch):
    run()
    before = run.entries()
    bytes_before = {shard: (run.out / shard).read_bytes() for shard in run.shards()}
    monkeypatch.setattr(extraction_job, "ExtractFeatures", None)  # no job is even built
    run()
    assert run.entries() == before
    assert bytes_before == {s: (run.out / s).read_bytes() for s in run.shards()}


def test_new_captions_and_splits_reach_the_records_without_extraction(folder, run):
    run()
    before = run.entries()
    captions = {"whole": ["bars that count", "a ramp"]}
    source = corpus.annotate(folder, ("whole", "short", "another"), captions)
    run(source=source)
    assert run.entries() == before
    found = {e.video_id: e.captions for e in run.examples("train")}
    assert found == {"whole": tuple(captions["whole"]), "short": ("this is short",)}


def test_renamed_clip_is_known_by_its_content(folder, run):
    run()
    before = run.entries()
    (folder / "renamed.mp4").write_bytes((folder / "whole.mp4").read_bytes())
    manifest = run(source=corpus.annotate(folder, ("renamed", "short")))
    assert manifest.coverage() == "2 of 2 clips"
    assert run.entries() == before


def test_changed_specification_extracts_anew_beside_the_old(run):
    run()
    before = run.entries()
    sampling = corpus.SPEC.sampling.replace(frames=2)
    run(spec=corpus.SPEC.replace(sampling=sampling))
    assert len(run.entries()) == 2 * len(before)


def test_bad_content_is_remembered_and_a_missing_file_is_looked_for_again(
    folder, tmp_path
):
    source = corpus.annotate(folder, ("whole", "another", "text", "late"))
    run = Run(tmp_path, source)
    assert run().counts()["failed"] == 2
    before = run.entries()
    assert len(before) == 3
    clips.write(folder / "late.mp4", 20)
    assert run().counts()["failed"] == 1
    assert before.items() < run.entries().items()
    (folder / "late.mp4").unlink()


def test_entry_that_was_damaged_on_disk_is_made_again(run):
    run()
    [path, *_] = sorted(run.store.rglob("*.zip"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    run()
    assert path.read_bytes() == data


def test_shards_change_no_byte_of_a_record(run):
    def found() -> list[bytes]:
        paths = [str(run.out / shard) for shard in run.shards()]
        return sorted(tf.data.TFRecordDataset(paths).as_numpy_iterator())

    run(shards=1)
    together = found()
    run(shards=3)
    assert len(run.shards()) == 3
    assert found() == together


def test_fewer_shards_leave_none_of_the_old(run):
    run()
    assert "Split-train/data_tfrecord-00001-of-00002" in run.shards()
    run(shards=1)
    assert run.shards() == [
        "Split-train/data_tfrecord-00000-of-00001",
        "Split-val/data_tfrecord-00000-of-00001",
    ]


# ------------------------------------------------------------------------ what is wrong


def test_too_many_failures_stop_the_run_before_it_writes_records(folder, tmp_path):
    source = corpus.annotate(folder, ("whole", "another", "empty", "text", "missing"))
    run = Run(tmp_path, source)
    with pytest.raises(ManifestError) as raised:
        run(max_failure_ratio=0.2)
    assert str(raised.value).startswith("3 of 5 clips failed, more than ")
    assert "1 × the file is empty" in str(raised.value)
    assert run.shards() == []


def test_error_of_ours_fails_the_clip_and_is_not_remembered(run, monkeypatch):
    def extract(self, path, start=None, end=None):
        if "short" in path:
            raise RuntimeError("a bug")
        return original(self, path, start, end)

    original = Extractor.extract
    monkeypatch.setattr(Extractor, "extract", extract)
    manifest = run()
    assert manifest.reasons() == [("RuntimeError: a bug", 1)]
    monkeypatch.undo()
    assert run().coverage() == "3 of 3 clips"


def test_network_that_cannot_be_built_is_one_reason_for_every_clip(run):
    [flow, grid, sound] = corpus.SPEC.features
    spec = corpus.SPEC.replace(features=(flow, grid.replace(width=7), sound))
    with pytest.raises(ManifestError, match="every one: 3 × feature grid: layer grid"):
        run(spec=spec)
    assert run.entries() == {}


# ------------------------------------------------------------------- several processes


@pytest.fixture
def chosen(monkeypatch):
    """The numbers of workers that jobs would have been started with."""
    chosen = []

    def options(self, workers):
        chosen.append(workers)
        return original(self, 1)

    original = BeamRunner.options
    monkeypatch.setattr(BeamRunner, "options", options)
    monkeypatch.setattr(beam_runner, "TIMED_ITEMS", 2)
    monkeypatch.setattr(beam_runner, "cores", lambda: 5)
    return chosen


def test_small_job_starts_no_process(run, chosen):
    run(workers=0)
    assert max(chosen) <= 1


def test_long_job_starts_as_many_processes_as_pay(
    folder, tmp_path, chosen, monkeypatch
):
    monkeypatch.setattr(beam_runner, "WORKER_START_SECONDS", 1e-6)
    source = corpus.annotate(folder, [*corpus.GOOD, "empty", "text"])
    manifest = Run(tmp_path, source)(workers=0)
    assert manifest.coverage() == "6 of 8 clips"
    assert max(chosen) == 5  # a core each


def test_no_more_processes_than_clips(run, chosen):
    run(workers=50)
    assert max(chosen) == 3


def test_clips_are_not_timed_here_for_workers_elsewhere(run):
    settings = SETTINGS.replace(beam_options=("--runner=DataflowRunner",))
    assert not BeamRunner(settings).local
    assert BeamRunner(SETTINGS, ("--temp_location=/tmp",)).local


def test_workers_change_no_byte_nor_does_a_proxy(folder, tmp_path, done, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    run = Run(tmp_path, corpus.annotate(folder))
    run(workers=2)
    assert run.shards() == done.shards()
    files = [*run.shards(), "manifest.csv", "manifest.parquet", "feature_spec.json"]
    _, differ, missing = filecmp.cmpfiles(run.out, done.out, files, shallow=False)
    assert not differ and not missing
    assert run.entries().keys() == done.entries().keys()


KILLED = """
import sys, time
from tests.support import corpus
from transform.datasets import Jsonl
from transform.extractors.clip_extractor import Extractor
from transform.jobs import extraction_job
from transform.jobs.extraction_settings import ExtractionSettings

def slowly(self, path, start=None, end=None):
    time.sleep(0.5)
    return extract(self, path, start, end)

extract, Extractor.extract = Extractor.extract, slowly
file, store, out, workers = sys.argv[1:]
extraction_job.extract(
    Jsonl(file=file),
    corpus.SPEC,
    store=store,
    out=out,
    settings=ExtractionSettings(workers=int(workers), max_failure_ratio=0.5),
)
"""


def test_run_that_was_killed_goes_on_where_it_was(folder, tmp_path):
    run = Run(tmp_path, corpus.annotate(folder))
    command = [sys.executable, "-c", KILLED, run.source.file, run.store, run.out, "1"]
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    try:
        deadline = time.monotonic() + 120
        while len(run.entries()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    before = run.entries()
    assert 2 <= len(before) < 10
    assert run.shards() == []
    run()
    after = run.entries()
    assert before.items() <= after.items()  # what was finished was not touched
    assert len(after) == 10  # all but the missing clip
    assert ExtractedDataset(run.out).manifest.coverage() == "6 of 11 clips"


@pytest.mark.slow
def test_no_clip_is_extracted_twice_after_a_kill_with_two_workers(folder, tmp_path):
    run = Run(tmp_path, corpus.annotate(folder))
    command = [sys.executable, "-c", KILLED, run.source.file, run.store, run.out, "2"]
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env=hooked(tmp_path, LOGS),
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while len(run.entries()) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        while group_lives(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)  # workers end when they miss the one who started them
        assert not group_lives(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    before = run.entries()
    assert 4 <= len(before) < 10
    again = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=hooked(tmp_path, LOGS),
        check=False,
    )
    assert again.returncode == 0
    assert before.items() <= run.entries().items()
    stored = (tmp_path / "stored").read_text().split()
    assert sorted(stored) == sorted({*stored})
    assert len(stored) == len(run.entries()) == 10  # all but the missing clip
    assert ExtractedDataset(run.out).manifest.coverage() == "6 of 11 clips"
    assert not (run.out / extraction_job.JOB_FOLDER).exists()


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_clip_that_ends_its_process_fails_alone(folder, tmp_path, monkeypatch):
    # Every process gets a decoder that aborts on one of the clips.
    monkeypatch.setenv("PYTHONPATH", hooked(tmp_path, CRASHES)["PYTHONPATH"])
    ids = ("whole", "short", "another", "third")
    run = Run(tmp_path, corpus.annotate(folder, ids))
    manifest = run(workers=2)
    rows = {row.video_id: row for row in manifest.rows}
    assert rows["short"].reason == "decoding it ends the process (exit code -6)"
    assert manifest.coverage() == "3 of 4 clips"
    assert run().coverage() == "3 of 4 clips"


def hooked(folder: pathlib.Path, change: str) -> dict[str, str]:
    """The environment of processes that change a module of ours when it is imported."""
    hook = folder / "site"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(HOOK + change)
    path = f"{hook}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return os.environ | {
        "PYTHONPATH": path,
        "PYTHONWARNINGS": "ignore",
        "STORED": str(folder / "stored"),
    }


HOOK = """
import importlib.abc, importlib.util, os, sys

class Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module, change):
        self.module = module
        self.change = change
    def find_spec(self, name, path, target=None):
        if name != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            self.change(module)
        spec.loader.exec_module = exec_module
        return spec
"""

CRASHES = """
def change(module):
    read = module.read_frames
    def read_frames(path, *rest):
        if "short" in os.fspath(path):
            os.abort()
        return read(path, *rest)
    module.read_frames = read_frames

sys.meta_path.insert(0, Finder("transform.video.reader", change))
"""

LOGS = """
def change(module):
    import time
    put = module.FeatureStore.put
    def logged(self, clip, *rest):
        time.sleep(0.5)
        put(self, clip, *rest)
        with open(os.environ["STORED"], "a") as log:
            log.write(clip + "\\n")
    module.FeatureStore.put = logged

sys.meta_path.insert(0, Finder("transform.records.feature_store", change))
"""


def test_a_pipe_or_a_device_in_place_of_a_clip_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    store = FeatureStore(str(tmp_path / "store"), "spec")
    for place in (str(tmp_path / "pipe.mp4"), "/dev/zero"):
        clip = VideoRecord("a", place, "train", ("a cat",))
        assert extraction_job._stored_row(clip, store) is None
