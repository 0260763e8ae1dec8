"""A preset from published files to a pushed model, by the command line."""

import json

import pytest
from typer.testing import CliRunner

from keras_models.metrics import METRICS
from kinescribe import cli
from pipeline.configs import PipelineConfig
from tests.support import msvd_folder
from tests.support.small_pipeline import LENIENT


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return msvd_folder.write(tmp_path_factory.mktemp("corpus"))


def run(*arguments):
    words = [str(argument) for argument in arguments]
    done = CliRunner().invoke(cli.app, ["run", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.slow
@pytest.mark.e2e
def test_a_preset_runs_from_published_files_to_a_pushed_model(data, tmp_path):
    places = json.loads(
        run(
            data,
            *("--preset", "vre_soft_att", "--corpus", "msvd", "--root", tmp_path),
            *("--seed", 2, "--json"),
            *msvd_folder.options(gates=json.dumps(LENIENT.to_dict())),
        )
    )
    assert places["coverage"] == "24 of 24 clips"
    assert places["pushed"]
    assert set(places.pop("scores")["vre_soft_att"]) == set(METRICS)
    written = PipelineConfig.from_yaml(tmp_path / "run.yaml")
    assert written.training.variant == "vre_soft_att"
    assert written.training.seed == 2
    # The file that it wrote is the same run.
    assert json.loads(run(tmp_path / "run.yaml", "--json")) == places
