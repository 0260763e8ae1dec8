"""Tests of what `kinescribe fuse` and `kinescribe ensemble` have in common."""

import pytest

from tests.support.members import run, save_member
from transform.common.errors import KinescribeError
from transform.records.vocabulary import Vocabulary

COMMANDS = {"fuse": ["--records", "records"], "ensemble": []}


@pytest.fixture(params=COMMANDS)
def run_command(request):
    """Runs a command on its members."""
    options = COMMANDS[request.param]
    return lambda *members: run(request.param, *members, *options, "--out", "out")


def test_models_of_different_words_are_refused(run_command, tmp_path):
    members = [
        save_member(tmp_path / words, Vocabulary(words)) for words in ("abc", "abd")
    ]
    with pytest.raises(KinescribeError, match="with different vocabularies"):
        run_command(*members)


def test_a_folder_without_a_model_is_named(run_command, tmp_path):
    with pytest.raises(KinescribeError, match="absent holds no model"):
        run_command(f"a={tmp_path}/absent", f"b={tmp_path}/absent")


@pytest.mark.parametrize(
    "members",
    [["a=x"], ["a=x", "a=y"], ["x", "y"], ["a=", "b=y"], ["a=x", "a=y", "b=z"]],
)
def test_members_need_names_of_their_own(members, run_command):
    result = run_command(*members)
    assert result.exit_code == 2
    assert "name=folder" in result.output
