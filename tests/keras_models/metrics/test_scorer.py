import functools
import json
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from benchmarks import evaluate
from keras_models.metrics import METRICS, scorer, tokenizer
from tests.support.paths import SHARED
from transform.records import tokenizers

DATA = SHARED
CHEAP = tuple(name for name in METRICS if name != "METEOR")
PIECES = (
    "a man dog's can't (red) plays 1 1/2 guitar. – , ... & cannot the two é \xa0 park"
).split(" ")


def random_corpus(seed, clips=40):
    randomly = random.Random(seed)

    def sentence():
        return " ".join(randomly.choices(PIECES, k=randomly.randint(0, 10)))

    references = {
        f"clip{number}": [sentence() for _ in range(randomly.randint(1, 5))]
        for number in range(clips)
    }
    return {clip: sentence() for clip in references}, references


def stock_scores(predictions, references):
    """What pycocoevalcap's scorers say of tokenised captions: corpus and each clip."""
    candidates = {c: tokenizer.tokenize([text]) for c, text in predictions.items()}
    references = {clip: tokenizer.tokenize(texts) for clip, texts in references.items()}
    corpus, each = {}, {}
    values, rows = Bleu().compute_score(references, candidates, verbose=0)
    for order in range(4):
        corpus[f"BLEU-{order + 1}"] = values[order]
        each[f"BLEU-{order + 1}"] = rows[order]
    for name, stock in (("ROUGE-L", Rouge()), ("CIDEr-D", Cider())):
        corpus[name], each[name] = stock.compute_score(references, candidates)
    return corpus, each


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_pycocoevalcaps(seed):
    predictions, references = random_corpus(seed)
    tokenizer.tokenize(  # one process instead of one for each of the calls below
        [*predictions.values(), *(t for texts in references.values() for t in texts)]
    )
    corpus, each = stock_scores(predictions, references)
    found = scorer.score(predictions, references, CHEAP)
    assert found == pytest.approx(corpus, abs=1e-12)
    rows = scorer.score_each(predictions, references, CHEAP)
    for name in CHEAP:
        ours = [rows[clip][name] for clip in predictions]
        np.testing.assert_allclose(ours, each[name], rtol=0, atol=1e-9)


@pytest.mark.slow
# Stock METEOR leaves the pipes of its Java process open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_scores_of_msrvtts_size_are_pycocoevalcaps():
    predictions, references = evaluate.corpus(2990, 20)
    stock = evaluate.stock_scores(predictions, references)
    found = scorer.score(predictions, references)
    assert found == pytest.approx(stock, abs=1e-9)
    assert found["METEOR"] == pytest.approx(stock["METEOR"], abs=1e-14)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the captions in ../shared/data")
def test_published_captions_get_their_published_scores():
    references = {}
    with open(DATA / "captions" / "msvd_all.txt") as file:
        for line in file:
            clip, caption = line.rstrip("\n").split("\t")
            if 1301 <= int(clip.removeprefix("vid")) <= 1970:
                references.setdefault(clip, []).append(caption)
    with open(DATA / "predictions" / "SCN_youtube2text_test.txt") as file:
        predictions = {f"vid{1301 + at}": line.strip() for at, line in enumerate(file)}
    found = scorer.score(predictions, references)
    published = [0.8098, 0.6970, 0.6059, 0.5110, 0.335, 0.7055, 0.7767]
    for name, value in zip(METRICS, published, strict=True):
        assert found[name] == pytest.approx(value, abs=5e-4)


def test_value_does_not_depend_on_the_order_or_on_earlier_calls():
    predictions, references = random_corpus(7)
    whole = scorer.Scorer(references)
    first = whole.collect(predictions, CHEAP).corpus()
    whole.collect({"clip0": "words never seen before"}, CHEAP)
    assert whole.collect(predictions, CHEAP).corpus() == first
    backwards = scorer.Scorer(dict(reversed(references.items())))
    again = backwards.collect(dict(reversed(predictions.items())), CHEAP)
    assert again.corpus() == first
    assert again.ids == tuple(sorted(predictions))


def test_clips_keep_their_scores_when_scored_alone():
    predictions, references = random_corpus(8)
    whole = scorer.Scorer(references)
    each = whole.collect(predictions, CHEAP).per_clip()
    alone = whole.collect({"clip5": predictions["clip5"]}, CHEAP)
    assert alone.per_clip()["clip5"] == pytest.approx(each["clip5"], abs=1e-12)


@pytest.mark.parametrize(
    ("predictions", "references", "sentence"),
    [
        ({}, {"a": ["x"]}, "no caption to score"),
        ({"a": "x"}, {}, "no reference captions"),
        ({"a": "x", "b": "x"}, {"c": ["x"]}, "no reference caption for 'a' and 1 more"),
        ({"a": 3}, {"a": ["x"]}, "prediction for 'a' is 3; it must be one string"),
        ({"a": None}, {"a": ["x"]}, "prediction for 'a' is null"),
        ({"a": "x"}, {"a": "x"}, "references of 'a' are a string"),
        ({"a": "x"}, {"a": []}, "list of references of 'a' is empty"),
        ({"a": "x"}, {"a": [["x"]]}, "a reference of 'a' is a list"),
    ],
)
def test_bad_input_is_one_sentence(predictions, references, sentence):
    with pytest.raises(scorer.ScoreError, match=sentence) as error:
        scorer.score(predictions, references)
    assert str(error.value).endswith(".")


def test_metrics_are_checked_and_stand_in_one_order():
    assert scorer.check_metrics(["CIDEr-D", "BLEU-1"]) == ("BLEU-1", "CIDEr-D")
    assert scorer.check_metrics(["cider", "bleu_1"]) == ("BLEU-1", "CIDEr-D")
    for wrong in (["SPICE"], []):
        with pytest.raises(scorer.ScoreError, match="choose from BLEU-1"):
            scorer.check_metrics(wrong)


def test_meteor_answers_while_the_other_metrics_count(monkeypatch):
    both = threading.Barrier(2)

    def met(metric, *texts, count):
        both.wait(timeout=30)
        return count(metric, *texts)

    for kind in (type(METRICS["METEOR"]), type(METRICS["CIDEr-D"])):
        count = functools.partialmethod(met, count=kind.statistics)
        monkeypatch.setattr(kind, "statistics", count)
    found = scorer.Scorer({"x": ["a man runs"]}).collect({"x": "a man"})
    assert found.metrics == tuple(METRICS)


def test_a_failing_metric_is_told_whichever_it_is(monkeypatch):
    def fail(metric, *texts):
        raise RuntimeError(metric.name)

    for name in ("METEOR", "CIDEr-D"):
        with monkeypatch.context() as patched:
            patched.setattr(type(METRICS[name]), "statistics", fail)
            with pytest.raises(RuntimeError, match=name):
                scorer.score({"x": "a man"}, {"x": ["a man runs"]})


def test_metrics_need_no_tensorflow():
    program = (
        "import json, sys\n"
        "from keras_models.metrics import bootstrap, diversity, scorer\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.PIPE
    )
    assert "tensorflow" not in json.loads(done.stdout)


def test_captions_are_split_by_the_tokenizer_of_their_model():
    references = {"a": ["一个男人在跑步。"], "b": ["一个女人在唱歌", "女人"]}
    written = {"a": "一 个 男 人 在 跑 步", "b": "一个女人在唱歌"}
    # The signs are words of the usual one, too, which counts the full stop.
    stopped = written | {"a": f"{written['a']}。"}
    for kind, captions in (
        ("characters", written),
        ("unicode", written),
        ("words", stopped),
    ):
        whole = scorer.Scorer(references, tokenizers.of_kind(kind))
        assert whole.collect(captions, ["BLEU-4"]).corpus()["BLEU-4"] > 0.999
    whole = scorer.Scorer(references, tokenizers.of_kind("whitespace"))
    assert whole.collect(written, ["BLEU-1"]).per_clip()["a"]["BLEU-1"] < 0.001
