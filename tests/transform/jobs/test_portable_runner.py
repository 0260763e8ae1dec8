"""The extraction through Beam's portable protocol, as Flink, Spark or Dataflow run it.

The job service and the worker pool are Beam's own, in processes of their own: no worker
is a child of the process that starts the job, and all that they share is the disk.
"""

import contextlib
import filecmp

import pytest

from tests.support import beam_services, corpus
from tests.transform.jobs.test_extraction_job import CRASHES, hooked
from transform.common import progress_bar
from transform.jobs import extraction_job
from transform.jobs.extraction_settings import ExtractionSettings
from transform.records.manifest import Manifest

CLIPS = ("whole", "short", "damaged", "another", "empty")
SETTINGS = ExtractionSettings(workers=1, shards=2, max_failure_ratio=0.5)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    corpus.render(folder)
    return corpus.annotate(folder, CLIPS)


@contextlib.contextmanager
def cluster(folder, workers):
    """The Beam options of a cluster that runs for as long as the block."""
    with (
        beam_services.running("job_service", folder, workers) as job_service,
        beam_services.running("worker_pool", folder) as worker_pool,
    ):
        yield (
            "--runner=PortableRunner",
            f"--job_endpoint={job_service}",
            "--job_server_timeout=300",
            "--environment_type=EXTERNAL",
            f"--environment_config={worker_pool}",
        )


@pytest.fixture
def reported(monkeypatch):
    """What the progress bar is told."""
    told = []

    @contextlib.contextmanager
    def shown(title, total):
        yield told.append

    monkeypatch.setattr(progress_bar, "shown", shown)
    return told


def run(source, folder, settings=SETTINGS) -> Manifest:
    return extraction_job.extract(
        source,
        corpus.SPEC,
        store=str(folder / "store"),
        out=str(folder / "out"),
        settings=settings,
    )


def files(folder) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_elsewhere_write_the_same_bytes(source, tmp_path, reported, workers):
    here, there = tmp_path / "here", tmp_path / "there"
    expected = run(source, here)
    reported.clear()
    with cluster(tmp_path, workers) as options:
        found = run(source, there, SETTINGS.replace(beam_options=options))
    assert (tmp_path / "worker_pool.log").read_text().count("Starting worker") == (
        2 * workers  # one of two jobs each
    )
    assert found.rows == expected.rows
    assert files(there) == files(here)
    records = [name for name in files(here) if name.startswith("out/")]
    _, differ, missing = filecmp.cmpfiles(here, there, records, shallow=False)
    assert not differ and not missing
    assert 0 < max(reported) <= len(CLIPS)


@pytest.mark.slow
def test_clip_that_ends_a_worker_elsewhere_fails_alone(source, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", hooked(tmp_path, CRASHES)["PYTHONPATH"])
    with cluster(tmp_path, workers=2) as options:
        manifest = run(source, tmp_path, SETTINGS.replace(beam_options=options))
    rows = {row.video_id: row for row in manifest.rows}
    assert rows["short"].reason == "decoding it ends the process (exit code -6)"
    assert manifest.coverage() == "3 of 5 clips"
