import sys

import pytest

from kinescribe import cli


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "--nonsense"], 2, "--nonsense"),
        (["trian"], 2, "trian"),
        (["caption"], 2, "Missing argument"),
        (["score", "absent.jsonl", "absent.json"], 1, "absent"),
        (["--help"], 0, ""),
    ],
)
def test_exit_codes_tell_done_failed_and_wrong_usage_apart(
    arguments, code, said, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["kinescribe", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_an_interrupt_ends_with_130(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_models.presets.parameter_counts.count", interrupted)
    monkeypatch.setattr(sys, "argv", ["kinescribe", "variants"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
