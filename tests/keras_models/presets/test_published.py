import collections

import pytest
import yaml

from keras_models.metrics import METRICS
from keras_models.presets import published, registry
from transform.common.config import ConfigError

# What the papers' pages say: preset, corpus, split, models → its scores.
READ_IN_THE_PAPERS = {
    ("mgsa_g", "msvd", "test", 1): {"BLEU-4": 0.495, "CIDEr-D": 0.742},
    ("mgsa_iac", "msrvtt", "test", 1): {"BLEU-4": 0.454, "METEOR": 0.286},
    ("spatial_attention", "msvd", "test", 1): {"CIDEr-D": 0.722, "METEOR": 0.329},
    ("mgsa_no_garu", "msvd", "test", 1): {"CIDEr-D": 0.833, "BLEU-4": 0.51},
    ("stats_fr", "msvd", "test", 1): {"CIDEr-D": 0.709, "METEOR": 0.319},
    ("stats_ts", "msrvtt", "test", 1): {"ROUGE-L": 0.595, "METEOR": 0.273},
    ("stats_pool_lstm", "msrvtt", "test", 1): {"BLEU-4": 0.347},
    ("stats_i3d_fl", "msvd", "test", 1): {"CIDEr-D": 0.835, "BLEU-4": 0.548},
    ("stats_r152_c3d", "msrvtt", "test", 1): {"CIDEr-D": 0.465, "ROUGE-L": 0.615},
    ("vre_kbigru", "msrvtt", "test", 1): {"ROUGE-L": 0.58, "CIDEr-D": 0.438},
    ("vre", "msrvtt", "test", 1): {"METEOR": 0.28, "CIDEr-D": 0.483},
    ("vre_silent", "msvd", "test", 1): {"BLEU-4": 0.517, "ROUGE-L": 0.719},
    ("dual_afr_soft", "mvad", "test", 10): {"BLEU-4": 0.0214, "CIDEr-D": 0.0903},
    ("dual_afr_hard", "mvad", "test", 10): {"METEOR": 0.0712, "CIDEr-D": 0.0914},
    ("dual_afr_hard", "msvd", "test", 10): {"BLEU-4": 0.5427, "METEOR": 0.3803},
    ("dual_afr_mlp", "msvd", "test", 1): {"METEOR": 0.2356, "CIDEr-D": 0.4421},
    ("dual_afr_pool3", "msrvtt", "test", 1): {"CIDEr-D": 0.4893},
    ("dual_afr_hard", "msrvtt", "test", 10): {"CIDEr-D": 0.5141, "METEOR": 0.2998},
    ("vatex_vanilla", "vatex", "val", 1): {"METEOR": 0.255, "CIDEr-D": 0.725},
    ("vatex_spatial", "vatex", "test", 1): {"BLEU-4": 0.367, "CIDEr-D": 0.665},
    ("vatex_temporal_spatial_rl", "vatex", "test", 1): {
        "BLEU-4": 0.391,
        "METEOR": 0.258,
        "ROUGE-L": 0.533,
        "CIDEr-D": 0.734,
    },
}


def test_every_cell_of_the_papers_own_models_is_there():
    cells = collections.Counter(cell.paper for cell in published.cells())
    assert cells == {
        "MGSA": 11,
        "STaTS": 23,
        "VRE": 7,
        "dualAFR": 38,
        "VATEX-2019": 10,
    }
    by_corpus = collections.Counter(cell.corpus for cell in published.cells())
    assert by_corpus == {
        "msvd": 3 + 4 + 6 + 2 + 1 + 14,
        "msrvtt": 4 + 3 + 7 + 5 + 6 + 10,
        "mvad": 14,
        "vatex": 10,
    }


def test_no_cell_is_there_twice():
    places = [(c.paper, c.table, c.row, c.corpus, c.split) for c in published.cells()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("key", READ_IN_THE_PAPERS, ids=str)
def test_scores_are_those_of_the_papers(key):
    found = [
        cell
        for cell in published.cells()
        if (cell.preset, cell.corpus, cell.split, cell.seeds) == key
    ]
    assert found
    for cell in found:
        for metric, score in READ_IN_THE_PAPERS[key].items():
            assert cell.scores[metric] == pytest.approx(score, abs=1e-9)


def test_scores_keep_the_digits_that_are_printed():
    cell = next(c for c in published.cells() if c.row == "STaTS (I3D+FL)")
    assert cell.printed == {
        "CIDEr-D": "0.835",
        "BLEU-4": "0.548",
        "ROUGE-L": "0.711",
        "METEOR": "0.350",
    }


def test_every_cell_names_a_preset_of_its_paper_and_known_metrics():
    presets = {**registry.PRESETS, **registry.FUSIONS}
    for cell in published.cells():
        assert presets[cell.preset].paper == cell.paper
        assert set(cell.scores) <= set(METRICS)


def test_every_preset_of_a_paper_has_a_cell():
    in_papers = {
        name
        for name, preset in (*registry.PRESETS.items(), *registry.FUSIONS.items())
        if not preset.row.startswith("not in the paper")
    }
    assert in_papers == {cell.preset for cell in published.cells()}


def test_what_papers_claim_is_what_their_tables_show():
    comparisons = published.comparisons()
    assert {c.better.paper for c in comparisons} == {
        "MGSA",
        "STaTS",
        "VRE",
        "dualAFR",
        "VATEX-2019",
    }
    for better, other, metrics, _ in comparisons:
        assert (better.corpus, better.split) == (other.corpus, other.split)
        for metric in metrics:
            assert better.scores[metric] > other.scores[metric], (better, other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": "49.5 74.2"}, "has 2 scores for 3 metrics"),
        ({"scores": "49.5 1074.2 32.2"}, "CIDEr-D cannot be 1074.2"),
        ({"scores": "149.5 74.2 32.2"}, "BLEU-4 cannot be 149.5"),
        ({"corpus": "msvdd"}, "msvdd"),
    ],
)
def test_an_impossible_cell_is_refused(change, said, tmp_path):
    data = yaml.safe_load(published._FILE.read_text())
    data["papers"][0]["tables"][0]["cells"][0].update(change)
    path = tmp_path / "published.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=said):
        published._File.from_yaml(path)
