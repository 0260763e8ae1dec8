import json
import pathlib
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from keras_models.metrics import scorer
from kinescribe import cli
from transform.common.errors import KinescribeError

PREDICTIONS = {"a": "a man plays the guitar", "b": "a dog runs", "c": "a cat eats"}
REFERENCES = {
    "a": ["A man is playing a guitar.", "a man plays the guitar"],
    "b": ["the dog runs in a park", "a brown dog is running"],
    "c": ["a cat drinks milk"],
    "d": ["two children dance"],
}


@pytest.fixture
def files(tmp_path):
    for name, data in (("predictions", PREDICTIONS), ("references", REFERENCES)):
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    return [str(tmp_path / "predictions.json"), str(tmp_path / "references.json")]


def run(*arguments):
    return CliRunner().invoke(cli.app, ["score", *arguments], catch_exceptions=False)


def test_json_holds_the_raw_fractions(files):
    result = json.loads(run(*files, "--json").stdout)
    expected = scorer.score(PREDICTIONS, REFERENCES)
    expected["CIDEr"] = expected.pop("CIDEr-D")  # the key of earlier releases
    assert result == {**expected, "clips": 3, "clips_with_references": 4}


def test_table_holds_percent_and_the_coverage(files):
    output = run(*files, "--metrics", "cider,BLEU-4").stdout
    values = scorer.score(PREDICTIONS, REFERENCES, ("BLEU-4", "CIDEr-D"))
    rows = [line.split() for line in output.splitlines() if line.strip()]
    assert ["CIDEr-D", f"{100 * values['CIDEr-D']:.1f}"] in rows
    assert ["BLEU-4", f"{100 * values['BLEU-4']:.1f}"] in rows
    assert not any(row[0] == "METEOR" for row in rows)
    assert rows[-1] == "3 of 4 clips".split()


def test_intervals_enclose_the_score(files):
    arguments = (*files, "--json", "--intervals", "--metrics", "ROUGE-L")
    result = json.loads(run(*arguments).stdout)
    low, high = result["intervals"]["ROUGE-L"]
    assert low <= result["ROUGE-L"] <= high
    assert "…" in run(*files, "--intervals", "--metrics", "ROUGE-L").stdout


@pytest.mark.parametrize(
    ("predictions", "references", "sentence"),
    [
        ("{", "{}", "not valid JSON"),
        ("[]", "{}", "must hold captions"),
        ("{}", '{"a": ["x"]}', "no caption to score"),
        ('{"z": "x"}', '{"a": ["x"]}', "no reference caption for 'z'"),
        ('{"a": ["x", "y"]}', '{"a": ["x"]}', "'a' has 2 captions"),
        ('{"a": {}}', '{"a": ["x"]}', "the prediction for 'a' is an object"),
        ('{"a": "x"}', '{"a": "x"}', "references of 'a' are a string"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, predictions, references, sentence):
    paths = [tmp_path / "predictions.json", tmp_path / "references.json"]
    for path, text in zip(paths, (predictions, references), strict=True):
        path.write_text(text)
    with pytest.raises(KinescribeError, match=sentence):
        run(*map(str, paths))


def test_cider_d_of_one_clip_is_explained(files, tmp_path):
    (tmp_path / "one.json").write_text('{"a": "a cat eats"}')
    (tmp_path / "references.json").write_text('{"a": ["a cat eats"]}')
    one = [str(tmp_path / "one.json"), str(tmp_path / "references.json")]
    result = run(*one, "--metrics", "CIDEr-D,BLEU-4")
    assert result.stderr.startswith("CIDEr-D is 0 here, whatever the caption")
    assert "is 0 here" not in run(*one, "--metrics", "BLEU-4").stderr


def test_meteor_of_a_script_without_spaces_is_explained(files, tmp_path):
    (tmp_path / "one.json").write_text('{"a": "一个男人在跑步"}')
    (tmp_path / "signs.json").write_text('{"a": ["一个男人在跑"], "b": ["狗在跑"]}')
    chinese = [str(tmp_path / "one.json"), str(tmp_path / "signs.json")]
    assert "METEOR's stems and synonyms are English" in run(*chinese).stderr
    assert run(*chinese, "--metrics", "BLEU-4").stderr == ""
    assert "English" not in run(*files, "--metrics", "METEOR").stderr


def test_unknown_metric_and_missing_file_are_one_sentence(files, tmp_path):
    with pytest.raises(KinescribeError, match="no metric 'SPICE'; choose from BLEU-1"):
        run(*files, "--metrics", "SPICE")
    with pytest.raises(KinescribeError, match="cannot read"):
        run(str(tmp_path / "none.json"), files[1])


def test_scoring_imports_no_tensorflow(files):
    program = (
        "import sys; from kinescribe import cli; sys.argv[1:] = "
        f"{['score', *files, '--metrics', 'BLEU-4,ROUGE-L,CIDEr']!r}\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_two_files_of_captions_are_told_apart_by_a_paired_bootstrap(files, tmp_path):
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(PREDICTIONS | {"a": "nothing", "z": "not scored"}))
    options = ("--against", str(worse), "--metrics", "ROUGE-L,CIDEr-D")
    found = json.loads(run(*files, *options, "--json").stdout)
    assert found["clips"] == 3
    ours = scorer.score(PREDICTIONS, REFERENCES)["ROUGE-L"]
    other = PREDICTIONS | {"a": "nothing"}
    theirs = scorer.score(other, REFERENCES)["ROUGE-L"]
    row = found["metrics"]["ROUGE-L"]
    assert row["difference"] == pytest.approx(ours - theirs)
    assert row["low"] <= row["difference"] <= row["high"]
    assert "on 3 clips" in found["conclusion"]
    assert "Nothing tells them apart" in run(*files, *options).stdout


def test_captions_are_split_as_their_model_splits_them(tmp_path):
    files = [str(tmp_path / f"{name}.json") for name in "pr"]
    for file, data in zip(files, ({"a": "一 个人"}, {"a": ["一个人"]}), strict=True):
        pathlib.Path(file).write_text(json.dumps(data))
    options = ("--json", "--metrics", "BLEU-1", "--tokenizer")
    assert json.loads(run(*files, *options, "characters").stdout)["BLEU-1"] > 0.999
    assert json.loads(run(*files, *options, "whitespace").stdout)["BLEU-1"] < 0.001
    with pytest.raises(KinescribeError, match=r"letters.*whitespace"):
        run(*files, *options, "letters")


def test_captions_of_other_clips_cannot_be_compared(files, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"d": "two children"}))
    with pytest.raises(KinescribeError, match="no clip with references in common"):
        run(*files, "--against", str(tmp_path / "other.json"))
