"""Worker processes that end while they start end, or shrink, the job; it never waits.

A `sitecustomize` module ends them, as the memory killer does while TensorFlow loads.
"""

import os
import pathlib

import apache_beam as beam
import pytest

from tests.support import corpus
from transform.jobs import extraction_job
from transform.jobs.beam_runner import BeamRunner
from transform.jobs.extraction_settings import ExtractionSettings
from transform.jobs.local_workers import WorkerEndedError

DIES = """
import os, sys
if any("sdk_worker_main" in part for part in sys.orig_argv):
    open(os.path.join({folder!r}, str(os.getpid())), "w").close()
    {how}
"""


def kill_workers(folder: pathlib.Path, monkeypatch, how: str) -> pathlib.Path:
    """Ends every worker that starts; returns a folder with a file for each."""
    started = folder / "started"
    started.mkdir()
    hook = folder / "hook"
    hook.mkdir()
    code = DIES.format(folder=str(started), how=how)
    (hook / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{hook}:{os.environ.get('PYTHONPATH', '')}")
    return started


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("os._exit(3)", "ended with exit code 3"),
        ("os._exit(0)", "ended with exit code 0"),
    ],
)
def test_a_job_without_workers_ends_in_one_sentence(tmp_path, monkeypatch, how, said):
    started = kill_workers(tmp_path, monkeypatch, how)
    runner = BeamRunner(ExtractionSettings(workers=2))
    with (
        pytest.raises(WorkerEndedError, match=f"a worker process {said}.*memory"),
        runner.pipeline(2) as pipeline,
    ):
        _ = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(str)
    assert list(started.iterdir())


@pytest.mark.timeout(60)
def test_an_extraction_goes_on_without_the_workers_that_end(tmp_path, monkeypatch):
    corpus.render(tmp_path)
    started = kill_workers(tmp_path, monkeypatch, "os.kill(os.getpid(), 9)")
    manifest = extraction_job.extract(
        corpus.annotate(tmp_path, ("whole", "short", "another")),
        corpus.SPEC,
        store=str(tmp_path / "store"),
        out=str(tmp_path / "out"),
        settings=ExtractionSettings(workers=2, shards=1),
    )
    assert manifest.coverage() == "3 of 3 clips"
    assert list(started.iterdir())
