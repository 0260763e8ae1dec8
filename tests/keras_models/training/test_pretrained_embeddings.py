import gzip

import numpy as np
import pytest

from keras_models.captioning_model import CaptioningModel
from keras_models.training import pretrained_embeddings
from keras_models.training.pretrained_embeddings import WordVectorsError
from tests.support import small_runs, tiny
from tests.support.dual_afr_models import captioner

WIDTH = 5
RANDOM = np.random.default_rng(0)
VECTORS = {
    word: RANDOM.normal(size=WIDTH).astype(np.float32) for word in ("b", "é_é", "g")
}


def text(vectors=VECTORS):
    lines = [
        f"{word} {' '.join(repr(float(number)) for number in vector)}"
        for word, vector in vectors.items()
    ]
    return "\n".join([f"{len(vectors)} {WIDTH}", *lines, ""]).encode()


def binary(vectors=VECTORS, end=b"\n"):
    entries = [
        word.encode() + b" " + vector.tobytes() + end
        for word, vector in vectors.items()
    ]
    return f"{len(vectors)} {WIDTH}\n".encode() + b"".join(entries)


FILES = {
    "words.txt": text(),
    "words.vec.gz": gzip.compress(text()),
    "words.bin": binary(),
    "without_ends.bin": binary(end=b""),
    "words.bin.gz": gzip.compress(binary()),
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read(name, tmp_path):
    (tmp_path / name).write_bytes(FILES[name])
    found = dict(pretrained_embeddings.read(tmp_path / name))
    assert list(found) == list(VECTORS)
    for word, vector in VECTORS.items():
        np.testing.assert_array_equal(found[word], vector)


def test_known_words_get_their_vectors_and_others_keep_theirs(tmp_path):
    (tmp_path / "words.bin").write_bytes(binary())
    model = captioner()
    before = model.decoder.embedding.embeddings.numpy()
    known = pretrained_embeddings.assign(
        tmp_path / "words.bin", CaptioningModel(model, tiny.VOCABULARY)
    )
    assert known == 2
    after = model.decoder.embedding.embeddings.numpy()
    for row, word in enumerate(tiny.VOCABULARY.words):
        expected = VECTORS.get(word, before[row])
        np.testing.assert_array_equal(after[row], expected)


def test_vectors_of_another_length_are_refused(tmp_path):
    (tmp_path / "words.txt").write_bytes(b"1 2\nb 1 2\n")
    with pytest.raises(
        WordVectorsError, match=r"of 2 numbers, .* decoder.embedding to 2"
    ):
        pretrained_embeddings.assign(
            tmp_path / "words.txt", CaptioningModel(captioner(), tiny.VOCABULARY)
        )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.bin", binary()[:-9]),
        ("cut.txt", text()[:-60]),
        ("cut.bin.gz", gzip.compress(binary(), mtime=0)[:-20]),
        ("empty.bin", b""),
        ("other.txt", b"no header\n"),
        ("plain.txt.gz", text()),
    ],
)
def test_broken_files_are_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WordVectorsError, match=name):
        list(pretrained_embeddings.read(tmp_path / name))


def test_an_absent_file_stops_a_run_before_it_begins(tmp_path):
    config = small_runs.settings(word_vectors=str(tmp_path / "none.bin"))
    with pytest.raises(WordVectorsError, match=r"no word vectors at .*none\.bin"):
        small_runs.run(tmp_path, config)


def test_a_file_is_found_by_its_path_and_in_the_folder_of_weights(
    tmp_path, monkeypatch
):
    (tmp_path / "words.bin").write_bytes(binary())
    path = str(tmp_path / "words.bin")
    assert pretrained_embeddings.find(path) == path
    monkeypatch.setenv("KINESCRIBE_WEIGHTS", str(tmp_path))
    assert pretrained_embeddings.find("words.bin") == path
    with pytest.raises(WordVectorsError, match=r"at other\.bin nor at .*other\.bin; "):
        pretrained_embeddings.find("other.bin")


def test_training_begins_with_the_vectors(tmp_path):
    (tmp_path / "words.txt").write_bytes(b"1 4\na 9 8 7 6\n")
    still = {
        "name": "still",
        "objective": {"kind": "cross_entropy"},
        "epochs": 1,
        "learning_rate": {"kind": "constant", "rate": 1e-9},
    }
    path = str(tmp_path / "words.txt")
    result = small_runs.run(tmp_path, small_runs.settings(still, word_vectors=path))
    table = result.model.captioner.decoder.embedding.embeddings.numpy()
    assert np.any(np.all(np.isclose(table, [9, 8, 7, 6], atol=1e-3), axis=1))
