import json

import pytest
from typer.testing import CliRunner

from kinescribe import cli
from tests.support.verdicts import BLESSED
from transform.common.errors import KinescribeError

JUDGED = BLESSED.replace(
    time="2031-05-02T10:00:00+00:00",
    data_digest="d" * 16,
    weights_digest="a" * 16,
)


def write(root, number, verdict):
    folder = root / "artifacts" / "Judge" / "judgement" / str(number)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(verdict.to_json())


@pytest.fixture
def root(tmp_path):
    refused = JUDGED.replace(
        outcome="refused",
        sentence="Refused: all captions are empty.",
        scores={},
        time="2031-05-01T10:00:00+00:00",
    )
    write(tmp_path, 9, JUDGED)
    write(tmp_path, 10, refused)
    broken = tmp_path / "artifacts" / "Judge" / "judgement" / "11"
    broken.mkdir()
    (broken / "verdict.json").write_text('{"outcome":')
    return tmp_path


def invoke(*arguments):
    command = ["verdicts", *map(str, arguments)]
    return CliRunner().invoke(cli.app, command, catch_exceptions=False)


def test_runs_are_listed_by_time_with_score_outcome_and_reason(root):
    found = json.loads(invoke(root, "--json").stdout)
    assert [row["outcome"] for row in found] == ["refused", "blessed"]
    assert found[1]["folder"].endswith("judgement/9")
    text = " ".join(invoke(root).stdout.split())
    assert text.index("refused") < text.index("blessed")
    for part in ("206.0", "dddddddd", "60 / 60"):
        assert part in text


def test_a_folder_without_verdicts_is_one_sentence(tmp_path):
    with pytest.raises(KinescribeError, match="there is no verdict in"):
        invoke(tmp_path)
