"""The lines of METEOR's paraphrase table that a corpus needs, and no others."""

import gzip
import multiprocessing
import os
import pathlib

import numpy as np
import pytest

from keras_models.metrics import java, meteor, paraphrases
from keras_models.metrics.paraphrases import ParaphraseTable

ENTRIES = [
    ("a man", "one man"),
    ("a man", "the guy"),
    ("café", "coffee house"),
    ("don 't", "do not"),
    ("is …", "is so"),
    ("one man", "a man"),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "table.gz"
    with gzip.open(path, "wt", encoding="utf-8") as table:
        table.writelines(f"0.5\n{one}\n{other}\n" for one, other in ENTRIES)
    return path


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """The user's folder of caches, empty."""
    folder = tmp_path / "caches"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def written(table, known, path):
    table.write(known, str(path))
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert set(lines[0::3]) <= {"1"}
    return [*zip(lines[1::3], lines[2::3], strict=True)]


def test_lines_of_known_words_are_written_in_their_order(file, tmp_path):
    table = ParaphraseTable.parse(file)
    everything = paraphrases.words(text for pair in ENTRIES for text in pair)
    assert written(table, everything, tmp_path / "all.gz") == ENTRIES
    some = paraphrases.words(["One MAN and a dog", "coffee house-cafés, CAFé"])
    assert written(table, some, tmp_path / "some.gz") == [
        ("a man", "one man"),
        ("café", "coffee house"),
        ("one man", "a man"),
    ]
    assert written(table, paraphrases.words(["don't do, not"]), tmp_path / "c.gz") == [
        ("don 't", "do not")
    ]
    assert written(table, set(), tmp_path / "none.gz") == []


def test_a_table_longer_than_a_block_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(paraphrases, "_BLOCK", 50)
    path = tmp_path / "long.gz"
    entries = [(f"word{n % 7} b", f"c{n}") for n in range(40)]
    with gzip.open(path, "wt") as table:
        table.writelines(f"0.5\n{one}\n{other}\n" for one, other in entries)
    known = paraphrases.words(text for pair in entries for text in pair)
    assert written(ParaphraseTable.parse(path), known, tmp_path / "w.gz") == entries


def test_a_table_is_read_once_a_machine(file, caches, monkeypatch):
    first = ParaphraseTable.load(file)
    monkeypatch.setattr(ParaphraseTable, "parse", None)
    second = ParaphraseTable.load(file)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    (kept,) = (caches / "kinescribe").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])  # a cache that is not whole
    monkeypatch.undo()
    np.testing.assert_array_equal(ParaphraseTable.load(file).words, first.words)


def test_another_table_is_not_taken_for_it(file, caches):
    assert "guy" in ParaphraseTable.load(file).words
    with gzip.open(file, "wt") as table:
        table.write("0.5\na\nb\n")
    assert ParaphraseTable.load(file).words.tolist()[1:] == ["a", "b"]


@pytest.mark.parametrize("place", ["a file", "no home"])
def test_without_a_place_for_caches_the_table_is_read_anew(
    file, caches, monkeypatch, place
):
    if place == "a file":
        caches.write_text("")
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(pathlib.Path, "home", _no_home)
    assert "guy" in ParaphraseTable.load(file).words
    assert not caches.is_dir()


def _no_home():
    raise RuntimeError("Could not determine home directory.")


def test_processes_that_read_it_at_once_leave_one_whole_table(file, caches):
    with multiprocessing.get_context("forkserver").Pool(4) as pool:
        pool.map(ParaphraseTable.load, [file] * 8)
    assert len(os.listdir(caches / "kinescribe")) == 1
    assert "guy" in ParaphraseTable.load(file).words


@pytest.mark.slow
def test_no_count_of_meteor_changes():
    """Captions of the table's own phrases, which match by no other module."""
    table = paraphrases.shared(java.jar("meteor/data/paraphrase-en.gz"))
    random = np.random.default_rng(0)
    ends = np.concatenate([[0], table.phrase_ends])

    def text(phrase):
        words = table.phrase_words[ends[phrase] : ends[phrase + 1]]
        return " ".join(table.words[words])

    phrases = [text(number) for number in random.integers(len(ends) - 1, size=600)]
    said = [" ".join(random.choice(phrases, 3)) for _ in range(1500)]
    references = [[" ".join(random.choice(phrases, 4)) for _ in range(3)] for _ in said]
    for number in range(0, len(said), 2):  # half of them hold what their reference says
        one, other = table.pairs[random.integers(len(table.pairs))]
        said[number] += f" {text(one)}"
        references[number][0] += f" {text(other).upper()}"
    with meteor.MeteorProcess() as some, meteor.MeteorProcess() as whole:
        whole._growths = meteor._GROWTHS + 1  # reads METEOR's own table
        rows = whole.statistics(said, references)
        assert rows[:, 16:20].any()  # paraphrases are among the matches
        np.testing.assert_array_equal(some.statistics(said, references), rows)
