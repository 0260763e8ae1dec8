"""Several clips at hand in one process: the job's records and rows stay as they are."""

import pytest

from tests.support import corpus
from transform.common import storage
from transform.jobs import extraction_job
from transform.jobs.extraction_settings import ExtractionSettings


def _extract(folder, source, clips_together, workers=1):
    manifest = extraction_job.extract(
        source,
        corpus.SPEC,
        store=str(folder / "store"),
        out=str(folder / "out"),
        settings=ExtractionSettings(
            workers=workers,
            clips_together=clips_together,
            shards=1,
            max_failure_ratio=0.5,
        ),
    )
    files = {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return manifest, files


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    corpus.render(folder)
    return corpus.annotate(folder)


@pytest.fixture(scope="module")
def alone(source, tmp_path_factory):
    return _extract(tmp_path_factory.mktemp("alone"), source, 1)


@pytest.mark.parametrize("clips_together", [3, 50])
def test_clips_together_give_the_same_bytes_as_one_at_a_time(
    source, alone, tmp_path, clips_together
) -> None:
    manifest, files = _extract(tmp_path, source, clips_together)
    assert sorted(manifest.rows) == sorted(alone[0].rows)
    assert files.keys() == alone[1].keys()
    for path, data in alone[1].items():
        if path.suffix != ".parquet":  # which has a time in it
            assert files[path] == data, path


def test_what_is_not_a_clips_fault_ends_the_job(source, tmp_path, monkeypatch) -> None:
    def write(path, data):
        if path.endswith(".zip"):
            raise RuntimeError("no space left on device")
        real(path, data)

    real = storage.write
    monkeypatch.setattr(storage, "write", write)
    with pytest.raises(Exception, match="no space left on device"):
        _extract(tmp_path, source, 3)
