"""A corpus in a language without spaces: from its captions to scores of a model's.

The language is English word by word, each word a Chinese or Japanese sign, so that what
a model writes can be read as English again and be scored as that.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from keras_models.metrics import scorer
from keras_models.metrics.scorer import Scorer
from tests.support.paths import ROOT
from tests.support.small_pipeline import small_pipeline
from transform.records import tokenizers

# Some hundred steps, after which sentences are no noise any more.
STAGE = {
    "name": "cross_entropy",
    "objective": {"kind": "cross_entropy"},
    "epochs": 60,
    "learning_rate": {"kind": "constant", "rate": 0.01},
}
BATCH = {"kind": "clips", "size": 2, "captions": 5}
METRICS = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D")


class Signs:
    """The dictionary of the language; signs are Chinese and Japanese in turn."""

    def __init__(self) -> None:
        self._signs: dict[str, str] = {}

    def write(self, caption: str) -> str:
        """Translates English, and ends the sentence as people do."""
        signs = [
            self._signs.setdefault(
                word,
                chr((0x4E00, 0x30A1)[len(self._signs) % 2] + len(self._signs) // 2),
            )
            for word in caption.lower().split()
        ]
        return "".join(signs) + "。"

    def read(self, caption: str) -> str:
        """Translates a model's caption back; fails at what is none of the signs."""
        words = {sign: word for word, sign in self._signs.items()}
        return " ".join(words[sign] for sign in caption)


def test_signs_are_scored_as_the_words_that_they_stand_for():
    signs = Signs()
    english = {
        "a": ["a red ball rolls away", "the red ball rolls"],
        "b": ["a blue box stands still", "one blue box stands there"],
    }
    written = {"a": "a red ball stands", "b": "the blue box stands still"}
    characters = tokenizers.of_kind("characters")
    foreign = {clip: [*map(signs.write, texts)] for clip, texts in english.items()}
    captions = {clip: signs.write(text) for clip, text in written.items()}
    found = Scorer(foreign, characters).collect(captions, METRICS).corpus()
    assert found == pytest.approx(scorer.score(written, english, METRICS))
    assert found["BLEU-1"] > 0.5
    [spaced] = characters.spaced([captions["a"]])
    joined = characters.join(spaced).numpy().decode()
    assert signs.read(joined) == written["a"]


def kinescribe(folder: pathlib.Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kinescribe", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(3600)
def test_a_model_of_signs_writes_them_without_spaces_and_is_scored_right(tmp_path):
    signs = Signs()
    config = small_pipeline(tmp_path).override(
        {
            "vocabulary": {"tokenizer": {"kind": "characters"}},
            "training": {"plan": {"stages": [STAGE]}, "batch": BATCH},
        }
    )
    annotations = pathlib.Path(config.corpus.files[0])
    corpus = json.loads(annotations.read_text())
    for sentence in corpus["sentences"]:
        sentence["caption"] = signs.write(sentence["caption"])
    annotations.write_text(json.dumps(corpus, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "signs.yaml").write_text(config.to_yaml(), encoding="utf-8")

    ran = json.loads(kinescribe(tmp_path, "run", "signs.yaml", "--json"))
    assert ran["verdict"]["outcome"] == "blessed"

    references: dict[str, list[str]] = {}
    for sentence in corpus["sentences"]:
        references.setdefault(sentence["video_id"], []).append(sentence["caption"])
    clips = [v["video_id"] for v in corpus["videos"] if v["split"] == "test"]
    videos = [str(annotations.parent / "videos" / f"{clip}.mp4") for clip in clips]
    pushed = str(tmp_path / "run" / "pushed")
    lines = kinescribe(tmp_path, "caption", *videos, "--model", pushed, "--json")
    captions = {
        pathlib.Path(line["clip"]).stem: line["captions"][0]["caption"]
        for line in map(json.loads, lines.splitlines())
    }
    english = {clip: signs.read(caption) for clip, caption in captions.items()}
    assert set(captions) == set(clips) and all(english.values())

    (tmp_path / "p.json").write_text(json.dumps(captions))
    (tmp_path / "r.json").write_text(json.dumps({c: references[c] for c in clips}))
    options = ("--metrics", ",".join(METRICS), "--tokenizer", "characters", "--json")
    scores = json.loads(kinescribe(tmp_path, "score", "p.json", "r.json", *options))
    read = {
        clip: [signs.read(text.removesuffix("。")) for text in references[clip]]
        for clip in clips
    }
    expected = scorer.score(english, read, METRICS)
    report = json.loads(
        pathlib.Path(ran["report"]).with_name("scores.json").read_text()
    )
    for metric, value in expected.items():
        name = "CIDEr" if metric == "CIDEr-D" else metric
        assert scores[name] == pytest.approx(value), metric
        assert report["model"][metric] == pytest.approx(value), metric
    # Were a sentence one word, none would be right, and all clips would have the same.
    assert scores["BLEU-1"] > 0 and len(set(captions.values())) > 1
