import pytest
from typer.testing import CliRunner

from kinescribe import cli
from pipeline import published_runs
from pipeline.configs import PipelineConfig
from transform.common.config import ConfigError
from transform.common.errors import KinescribeError


def run(*arguments):
    result = CliRunner().invoke(cli.app, ["preset", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def read(text, folder):
    path = folder / "run.yaml"
    path.write_text(text)
    return PipelineConfig.from_yaml(path)


def test_what_is_printed_is_a_run_configuration(tmp_path):
    printed = read(run("stats_i3d_fl", "--corpus", "msvd", "--data", "d"), tmp_path)
    assert printed == published_runs.configuration("stats_i3d_fl", "msvd", "d")
    assert printed.root == "runs/stats_i3d_fl-msvd"


def test_first_lines_say_what_the_paper_reports():
    lines = run("mgsa", "--corpus", "msvd").splitlines()
    assert lines[0] == "# MGSA (Chen and Jiang, 2019) on MSVD."
    assert lines[1] == (
        "# Table 1, p. 6, MGSA(I): BLEU-4 53.0, CIDEr-D 86.4, METEOR 34.7."
    )
    assert lines[2].startswith("# Table 2, p. 6, MGSA w/ GARU: ")


def test_settings_seed_and_root_are_changed(tmp_path):
    options = ["--seed", "7", "--root", "elsewhere"]
    for setting in (
        "training.batch.size=16",
        "training.model.decoder.units=32",
        "training.plan.stages.0.epochs=2",
        "training.plan.stages.0.learning_rate.rate=1e-3",
        "search={kind: greedy}",
        "training.word_vectors=null",
    ):
        options += ["--set", setting]
    config = read(run("mgsa", "--corpus", "msvd", *options), tmp_path)
    assert config.root == "elsewhere"
    assert config.training.seed == 7
    assert config.training.batch.to_dict() == {"kind": "pairs", "size": 16}
    preset = config.training.preset()
    assert preset.model.decoder.units == 32
    (stage,) = preset.plan.stages
    assert (stage.epochs, stage.l2, stage.learning_rate.rate) == (2, 5e-5, 1e-3)
    assert config.search.kind == "greedy"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("trainig.seed=1", r"unknown key trainig \(did you mean training\?\)"),
        ("training.batch.sise=1", r"sise.*did you mean size"),
        ("training.plan.stages.3.epochs=1", r"3 is none of the places 0 to 0"),
        ("training.model.decoder.unit=1", r"unit.*did you mean units"),
        ("training.seed", r"a key, = and a value"),
        ("training.seed=[", r"--set training\.seed=\[: "),
        ("training.batch={size: 1, size: 2}", "the key 'size' is given twice"),
        ("training.seed=-1", r"training\.seed = -1 is wrong"),
    ],
)
def test_wrong_setting_is_one_sentence(setting, said):
    with pytest.raises(ConfigError, match=said):
        run("mgsa", "--corpus", "msvd", "--set", setting)


def test_a_setting_that_is_given_twice_is_refused():
    twice = ("--set", "training.seed=1", "--set", "training.seed=2")
    with pytest.raises(ConfigError, match=r"the key training\.seed is given twice"):
        run("mgsa", "--corpus", "msvd", *twice)


def test_corpus_is_needed_only_where_the_paper_has_several(tmp_path):
    assert read(run("vre"), tmp_path).corpus.kind == "msrvtt"
    with pytest.raises(KinescribeError, match="--corpus msvd or msrvtt"):
        run("mgsa")
    with pytest.raises(KinescribeError, match=r"no model 'vree'.*choose one of"):
        run("vree")
