import json
import pathlib
import shutil

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from pipeline import local_runner
from pipeline.local_runner import RunResult
from tests.support.verdicts import BLESSED

SCORES = {
    "model": {"BLEU-4": 0.5, "CIDEr-D": 1.25},
    "controls": {"a person": {"BLEU-4": 0.75, "CIDEr-D": 2.5}},
}


@pytest.fixture
def demo(monkeypatch, exported, tmp_path):
    """Runs the command with a pipeline that pushes a small model, or nothing."""

    def demo(outcome="blessed"):
        pushed = tmp_path / "demo" / "pushed" / "1"
        seen = []

        def run(config, callback, verbose=False):
            del callback, verbose
            seen.append(config)
            if outcome != "refused":
                shutil.copytree(exported, pushed)
            report = tmp_path / "report" / "report.html"
            report.parent.mkdir()
            report.with_name("scores.json").write_text(json.dumps(SCORES))
            nowhere = pathlib.Path("nowhere")
            return RunResult(
                root=tmp_path / "demo",
                examples=nowhere,
                manifest=nowhere,
                coverage="8 of 8 clips",
                anomalies=(),
                model=nowhere,
                training=nowhere,
                evaluation=nowhere,
                report=report,
                judgement=nowhere,
                verdict=BLESSED.replace(
                    outcome=outcome, sentence=f"{outcome}: so it is."
                ),
                pushed=pushed if outcome == "blessed" else None,
                stages=(),
            )

        monkeypatch.setattr(local_runner, "run", run)
        options = f"--verbose demo --root {tmp_path / 'demo'} --train 3 --held-out 2"
        done = CliRunner().invoke(
            cli.app, options.split(), standalone_mode=False, catch_exceptions=False
        )
        return done, seen

    return demo


def test_demo_renders_runs_serves_captions_and_sums_up(demo, tmp_path):
    outcome, (config,) = demo()
    assert outcome.return_value == 0
    videos = list((tmp_path / "demo" / "corpus" / "videos").glob("*.mp4"))
    assert len(videos) == 3 + 2 + 2
    assert config.corpus.files == (str(tmp_path / "demo/corpus/videodatainfo.json"),)
    text = outcome.stdout
    new_clips = len(list((tmp_path / "demo/new").glob("*.mp4")))
    assert text.count("  model:") == new_clips + 1 > 2  # and the photograph
    assert text.count("  person:") > new_clips
    for part in ("125.0", "a person", "250.0", "report.html", "pushed/1", "Grace"):
        assert part in text


def test_a_refused_model_ends_the_demo_with_a_pointer_to_the_report(demo):
    outcome, _ = demo("refused")
    assert outcome.return_value == 3
    assert "refused: so it is." in outcome.stdout
    assert "report.html" in outcome.stdout.replace("\n", "")
