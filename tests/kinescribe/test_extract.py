import json

import pytest
import typer
import yaml
from typer import testing

from kinescribe.commands import extract
from tests.support import clips, corpus
from transform.common.errors import KinescribeError
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import Manifest


@pytest.fixture
def config(tmp_path):
    """A pipeline's configuration over two clips and one that is not there."""
    for name, frames in (("whole", 20), ("another", 30)):
        clips.write(tmp_path / f"{name}.mp4", frames)
    source = corpus.annotate(tmp_path, ("whole", "another", "missing"))
    settings = {
        "name": "small",
        "root": str(tmp_path / "root"),
        "corpus": source.to_dict(),
        "features": corpus.SPEC.to_dict(),
        "extraction": {"max_failure_ratio": 0.4},
        "training": {
            "variant": "mgsa",
            "model": {"encoder": {"grid": "grid"}},
        },
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_records_and_counts(config, tmp_path, capsys):
    out = tmp_path / "out"
    extract.command(str(config), out=str(out))
    printed, told = capsys.readouterr()
    assert "A clip takes up to 43.0KB (log_mel 24.6KB, flow 16.4KB, grid" in told
    assert "1 × there is no such file" in printed
    assert f"2 of 3 clips are in {out}" in printed
    assert ExtractedDataset(out).manifest.splits() == ["train", "val"]
    assert len(list((tmp_path / "root" / "features").rglob("*.zip"))) == 2


def test_counts_as_json_and_a_store_of_ones_own(config, tmp_path, capsys):
    store = tmp_path / "store"
    extract.command(
        str(config), out=str(tmp_path / "out"), store=str(store), as_json=True
    )
    assert json.loads(capsys.readouterr().out) == {
        "out": str(tmp_path / "out"),
        "coverage": "2 of 3 clips",
        "counts": {"ok": 2, "short": 0, "repaired": 0, "failed": 1},
        "reasons": {"there is no such file": 1},
    }
    assert len(list(store.rglob("*.zip"))) == 2


def test_too_many_failures_are_an_error(config, tmp_path):
    config.write_text(config.read_text().replace("0.4", "0.1"))
    with pytest.raises(KinescribeError, match="1 of 3 clips cannot be found"):
        extract.command(str(config), out=str(tmp_path / "out"))


def test_beam_options_of_the_command_line_come_after_the_files(config, monkeypatch):
    text = config.read_text()
    config.write_text(text.replace("extraction:", "extraction:\n  beam_options: [--a]"))
    given = []

    def extract_(*_, settings, **__):
        given.append(settings.beam_options)
        return Manifest([])

    monkeypatch.setattr("transform.jobs.extraction_job.extract", extract_)
    command = [str(config), "--out", "x", "--beam=--runner=FlinkRunner", "--beam=--b"]
    app = typer.Typer()
    app.command()(extract.command)
    assert testing.CliRunner().invoke(app, command).exit_code == 0
    assert given == [("--a", "--runner=FlinkRunner", "--b")]
