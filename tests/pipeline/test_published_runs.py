import os

import pytest
import yaml

from keras_models.presets import published, registry
from keras_models.presets.paper_features import paper_spec
from keras_models.training.optimizers import Adam, RmsProp
from pipeline import joint_configs, published_corpora, published_runs
from pipeline.configs import PipelineConfig
from transform.common.errors import KinescribeError
from transform.datasets import ByNumber, HeldOut, Official

PAIRS = sorted(
    {
        (cell.preset, cell.corpus)
        for cell in published.cells()
        if cell.preset in registry.PRESETS
    }
)
PAPERS = ("MGSA", "STaTS", "VRE", "dualAFR", "VATEX-2019")

# Read in the papers: (video, sentence) pairs of an update, where one is given.
BATCH = {"MGSA": 32, "STaTS": 32, "dualAFR": 32}
RATE = {"MGSA": 1e-4, "STaTS": 1e-4, "VRE": 3e-4, "dualAFR": 2e-4}
OPTIMIZER = {"MGSA": Adam, "STaTS": RmsProp, "dualAFR": Adam}
CLIP_NORM = {"dualAFR": 5.0}  # no other paper clips
L2 = {"MGSA": 5e-5}
# Words that are seen less often become <unk>; VATEX-2019 says nothing of it.
MIN_COUNT = {"MGSA": 1, "STaTS": 1, "VRE": 3, "dualAFR": 1}
MAX_WORDS = {"VRE": 15}
BEAM = {"MGSA": 5}
EPOCHS = {
    "stats": [10, 10],  # "about 10 epochs", "converges in about 20"
    "stats_pool_ranked": [10],
    "vre": [5],  # the first stage; of the others nothing is said
}
# Clips of MSR-VTT: train, val, test.
MSRVTT = {"VRE": (6512, 498, 2990), "dualAFR": (5513, 497, 1000)}


@pytest.fixture(params=PAIRS, ids="-".join)
def run(request):
    name, corpus = request.param
    config = published_runs.configuration(name, corpus)
    return registry.get(name).paper, name, corpus, config


def test_run_has_the_settings_that_its_paper_gives(run, tmp_path):
    paper, name, _, config = run
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml())
    config = PipelineConfig.from_yaml(path)  # what a user would run
    training = config.training
    if paper in BATCH:
        assert training.batch.to_dict() == {"kind": "pairs", "size": BATCH[paper]}
    stages = training.preset().plan.stages
    for stage in stages:
        if paper in RATE:
            assert stage.learning_rate.to_dict() == {
                "kind": "constant",
                "rate": RATE[paper],
            }
        assert isinstance(stage.optimizer, OPTIMIZER.get(paper, Adam))
        assert stage.clip_norm == CLIP_NORM.get(paper)
        assert stage.l2 == L2.get(paper, 0.0)
    given = EPOCHS.get(name, [])
    assert [stage.epochs for stage in stages][: len(given)] == given
    if paper in MIN_COUNT:
        assert config.vocabulary.min_count == MIN_COUNT[paper]
    if paper in MAX_WORDS:
        assert training.max_words == MAX_WORDS[paper]
    if paper in BEAM:
        assert config.search.to_dict()["width"] == BEAM[paper]
    if paper == "dualAFR":
        _, name = os.path.split(training.word_vectors.path)
        assert name == "GoogleNews-vectors-negative300.bin.gz"
    else:
        assert training.word_vectors is None
    spec = paper_spec(training.preset().model)
    assert config.features.content_hash == spec.content_hash


def test_run_splits_its_corpus_as_the_paper_does(run):
    paper, _, corpus, config = run
    if corpus == "msvd":
        assert config.corpus.splits == (1200, 100, 670)
    if corpus != "msrvtt":
        return
    splits = config.corpus.splits
    if paper == "VRE":
        assert isinstance(splits, ByNumber)
        assert (splits.train, splits.val, splits.test) == MSRVTT[paper]
    elif paper == "dualAFR":
        assert isinstance(splits, HeldOut)
        assert (6513 - splits.test, 497, splits.test) == MSRVTT[paper]
    else:
        assert isinstance(splits, Official)


def test_yaml_says_all_and_is_read_back(run, tmp_path):
    _, name, _, config = run
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml())
    assert PipelineConfig.from_yaml(path) == config
    preset = registry.get(name)
    assert config.training.preset() == preset
    written = yaml.safe_load(path.read_text())
    assert written["training"]["plan"] == preset.plan.to_dict()


def test_a_late_fusion_is_a_run_of_its_members(tmp_path):
    config = published_runs.configuration("vatex_temporal_spatial_rl", "vatex")
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml())
    assert joint_configs.find(str(path)) == config
    for name in ("vatex_temporal_rl", "vatex_spatial_rl"):
        assert config.member(name).training.preset() == registry.get(name)
    (fusion,) = registry.FUSIONS.values()
    assert config.join.training.relevance == fusion.model.relevance
    assert config.features == paper_spec(fusion.model)


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(KinescribeError, match=r"no model 'vree'.*vre_kbigru"):
        published_runs.configuration("vree", "msvd")
    with pytest.raises(KinescribeError, match=r"'msvdd'.*msvd, msrvtt, mvad, vatex"):
        published_runs.configuration("mgsa", "msvdd")


def lay_out(folder, corpus, without=()):
    """Makes empty files of a corpus' names."""
    folder.mkdir()
    for names in published_corpora.get(corpus).parts.values():
        if names[-1] not in without:
            (folder / names[-1]).touch()
    return str(folder)


@pytest.mark.parametrize("corpus", published_corpora.CORPORA)
def test_whole_folder_is_found_whatever_its_names(corpus, tmp_path):
    data = lay_out(tmp_path / corpus, corpus)
    config = published_runs.configuration("mgsa", corpus, data)
    published_runs.check_data(config, corpus, data)
    if corpus == "msvd":
        assert config.corpus.captions.kind == "csv"
        assert config.corpus.videos == "YouTubeClips"


def test_all_that_a_folder_lacks_is_named(tmp_path):
    data = lay_out(
        tmp_path / "msvd", "msvd", without=("video_corpus.csv", "YouTubeClips")
    )
    config = published_runs.configuration("stats", "msvd", data)
    with pytest.raises(KinescribeError) as refused:
        published_runs.check_data(config, "msvd", data)
    assert "sentences.txt or video_corpus.csv" in str(refused.value)
    assert "videos or YouTubeClips" in str(refused.value)
    assert "youtube_mapping.txt" not in str(refused.value)


def test_a_test_split_of_training_clips_needs_no_other_file(tmp_path):
    data = lay_out(tmp_path / "v", "msrvtt", without=("test_videodatainfo.json",))
    with pytest.raises(KinescribeError, match=r"no test_videodatainfo\.json"):
        config = published_runs.configuration("mgsa", "msrvtt", data)
        published_runs.check_data(config, "msrvtt", data)
    (tmp_path / "v" / "GoogleNews-vectors-negative300.bin.gz").touch()
    config = published_runs.configuration("dual_afr_soft", "msrvtt", data)
    published_runs.check_data(config, "msrvtt", data)


def test_word_vectors_are_looked_for_in_two_folders(tmp_path, monkeypatch):
    data = lay_out(tmp_path / "data", "mvad")
    config = published_runs.configuration("dual_afr_hard", "mvad", data)
    with pytest.raises(KinescribeError, match=r"GoogleNews.* neither in .*data nor in"):
        published_runs.check_data(config, "mvad", data)
    without = config.override({"training": {"word_vectors": None}})
    published_runs.check_data(without, "mvad", data)
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "GoogleNews-vectors-negative300.bin.gz").touch()
    monkeypatch.setenv("KINESCRIBE_WEIGHTS", str(weights))
    found = published_runs.configuration("dual_afr_hard", "mvad", data)
    published_runs.check_data(found, "mvad", data)
    assert found.training.word_vectors.path.startswith(str(weights))
