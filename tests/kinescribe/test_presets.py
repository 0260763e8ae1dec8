import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from keras_models.presets import published
from kinescribe import cli
from transform.common.errors import KinescribeError


def run(*arguments):
    result = CliRunner().invoke(
        cli.app, ["presets", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


def test_json_holds_every_cell_with_its_command():
    cells = json.loads(run("--json"))["cells"]
    assert len(cells) == 89
    assert {cell["command"] for cell in cells} >= {
        "kinescribe run --preset stats_i3d_fl --corpus msvd DATA",
        "kinescribe run --preset dual_afr_hard --corpus mvad DATA --seeds 10",
        "kinescribe run --preset vatex_vanilla --corpus vatex DATA --split val",
        "kinescribe run --preset vatex_temporal_spatial_rl --corpus vatex DATA",
    }
    vre = next(cell for cell in cells if cell["preset"] == "vre")
    assert vre["page"] == 10
    assert vre["printed"]["CIDEr-D"] == "48.3"
    assert vre["scores"]["CIDEr-D"] == 0.483
    assert {"preset": "vre_kbigru", "metrics": ["BLEU-4", "ROUGE-L", "CIDEr-D"]} in [
        {"preset": c["preset"], "metrics": c["metrics"]} for c in vre["better_than"]
    ]


def test_one_papers_table_has_its_rows_and_scores_as_printed():
    table = run("--paper", "stats")
    assert "STaTS (Cherian et al., 2020), Table 3" in table
    assert "0.350" in table
    assert "mgsa" not in table


def test_an_unknown_paper_is_told_the_known_ones():
    known = ", ".join(dict.fromkeys(cell.paper for cell in published.cells()))
    with pytest.raises(KinescribeError, match=f"'stats2'; choose one of: {known}"):
        CliRunner().invoke(
            cli.app, ["presets", "--paper", "stats2"], catch_exceptions=False
        )


def test_the_list_imports_no_tensorflow():
    code = (
        "import sys; sys.argv = ['kinescribe', 'presets']\n"
        "from kinescribe import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
