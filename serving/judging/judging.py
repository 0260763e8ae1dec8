"""`judge_model`: one pass over the test clips, one verdict."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from keras_models.data.records import RecordDataset
from keras_models.evaluation import evaluate
from keras_models.evaluation.evaluate import Evaluation, Measured
from keras_models.metrics.scorer import MetricStatistics
from serving.client.caption_result import CaptionResult
from serving.client.local_model import LocalModel
from serving.common.errors import ServingError
from serving.common.weights_digest import weights_digest
from serving.gates.config import GateConfig
from serving.gates.evidence import Captioned, Cost, Evidence, Served
from serving.gates.judge import judge
from serving.gates.verdict import Finding, Verdict, sentence
from serving.judging import recorded
from serving.judging.cost import measure_costs
from serving.judging.recorded import RecordedCaption
from serving.judging.trial import try_serving
from serving.pushing import destination as destinations
from serving.pushing import soundness
from serving.pushing.destination import PushedVersion
from transform import schema
from transform.records.dataset import ExtractedDataset
from transform.records.manifest import ManifestRow

_CHAMPION_METRIC = "CIDEr-D"
CANDIDATE = "this model"


class BaselineModel(NamedTuple):
    """The served model that a new one is compared with, if it can run here."""

    folder: str = ""  # "" if there is none that reads these records
    version: str = ""
    note: str = ""  # which model it is, or why there is none


class Judged(NamedTuple):
    """The verdict, and what a report and later comparisons need of the evaluation."""

    verdict: Verdict
    evaluation: Evaluation | None  # None if the model captions nothing
    statistics: Mapping[str, MetricStatistics]  # of the models that were compared
    captions: tuple[RecordedCaption, ...]
    training: tuple[str, ...]  # hashes of the training clips


class _Clips(NamedTuple):
    """The test clips, in the order of their records."""

    ids: tuple[str, ...]
    records: tuple[bytes, ...]
    references: Mapping[str, Sequence[str]]
    rows: Mapping[str, ManifestRow]
    failed: int  # clips of the split that have no record


def judge_model(
    gates: GateConfig,
    model: str,
    dataset: ExtractedDataset,
    split: str,
    baseline: BaselineModel,
    destination: str,
    accept: str = "",
) -> Judged:
    """Captions the test clips by a model and the served one, and judges the first.

    Args:
        gates: The conditions.
        model: Folder of the new SavedModel.
        dataset: The extracted records.
        split: The clips to judge by.
        baseline: The served model.
        destination: The folder that models are pushed to, for what is recorded there.
        accept: A person's reason to push the model whatever the gates say.
    """
    clips = _clips(dataset, split)
    training = {row.clip_hash for row in dataset.manifest.rows if row.split == "train"}
    try:
        candidate = LocalModel(model)
        results = candidate.caption_examples(clips.records)
    except ServingError as error:
        return _unservable(error, clips, baseline, training)
    captions = _texts(clips.ids, results)
    captions_only = dataset.descriptions("train")
    references = RecordDataset(captions_only, dataset.spec).references
    measured = evaluate.measure(
        captions, clips.references, references, tokenizer=candidate.tokenizer
    )
    base_model = LocalModel(baseline.folder) if baseline.folder else None
    served_now = soundness.newest_sound(destination).pushed
    theirs = (
        _texts(clips.ids, base_model.caption_examples(clips.records))
        if base_model
        else _recalled(served_now, clips, gates.min_common)
    )
    version = baseline.version or (served_now.version if theirs and served_now else "")
    compared = _captioned(measured, f"version {version}", theirs) if theirs else None
    kept = recorded_folder(served_now, version)
    costs: list[Cost | None] = [None, None]
    if gates.cost:
        models = [(candidate, model)]
        if base_model:
            models.append((base_model, baseline.folder))
        measured_costs = measure_costs(models, clips.records, gates.cost.calls)
        costs = [*measured_costs, None][:2]
    digest = weights_digest(model)
    evidence = Evidence(
        model=Captioned(CANDIDATE, captions, measured.statistics),
        controls=_controls(measured),
        log_probs={c: r.log_probs[0] for c, r in zip(clips.ids, results, strict=True)},
        slices=_slices(gates.slices, clips),
        wanted=len(clips.references) + clips.failed,
        baseline=compared,
        baseline_note=baseline.note,
        baseline_clips=_judged_clips(kept),
        champion=_champion(measured, clips, destination, version, gates.min_common),
        same_weights=bool(base_model) and weights_digest(baseline.folder) == digest,
        leaks=_leaks(clips, training, version, kept),
        cost=costs[0],
        baseline_cost=costs[1],
        served=_tried(gates, model, clips),
    )
    verdict = judge(gates, evidence, accept).replace(
        baseline_version=version,
        baseline_note=baseline.note,
        time=_now(),
        weights_digest=digest,
        spec_hash=dataset.spec.content_hash,
    )
    statistics = {"model": measured.statistics}
    if compared:
        statistics["baseline"] = compared.statistics
    return Judged(
        verdict,
        evaluate.summarise(measured, several=[_written(r) for r in results]),
        statistics,
        tuple(_rows(clips, evidence, theirs)),
        tuple(training),
    )


def recorded_folder(served: PushedVersion | None, version: str) -> str:
    """Returns where the served version's own evaluation is recorded, or ''."""
    if served is None or served.version != version:
        return ""
    return f"{served.folder}/{destinations.EVALUATION}"


def _clips(dataset: ExtractedDataset, split: str) -> _Clips:
    records = RecordDataset(dataset.files(split), dataset.spec)
    rows = [row for row in dataset.manifest.rows if row.split == split]
    return _Clips(
        tuple(clip.video_id for clip in records.clips),
        tuple(records.serialized()),
        dict(records.references),
        {row.video_id: row for row in rows},
        sum(not row.usable for row in rows),
    )


def _texts(ids: Sequence[str], results: Sequence[CaptionResult]) -> dict[str, str]:
    return {clip: found.spaced for clip, found in zip(ids, results, strict=True)}


def _written(result: CaptionResult) -> list[str]:
    """Returns all captions of a clip; a place that a search left over is empty."""
    return [caption for caption in result.captions if caption]


def _captioned(measured: Measured, name: str, captions: Mapping[str, str]) -> Captioned:
    scored = {c: text for c, text in captions.items() if c in measured.references}
    return Captioned(name, captions, measured.scorer.collect(scored))


def _controls(measured: Measured) -> tuple[Captioned, ...]:
    constant = dict.fromkeys(measured.captions, measured.constant)
    return (
        Captioned("the best constant caption", constant, measured.constant_statistics),
        Captioned("captions of other clips", {}, measured.shuffled_statistics),
    )


def _slices(columns: Iterable[str], clips: _Clips) -> dict[str, tuple[str, ...]]:
    """Groups the clips with references.

    By the columns of their records, by labels, and by the manifest's columns.
    """
    found: dict[str, list[str]] = {}
    for clip, record in zip(clips.ids, clips.records, strict=True):
        if clip not in clips.references:
            continue
        features = tf.train.Example.FromString(record).features.feature
        row = clips.rows[clip]._asdict() if clip in clips.rows else {}
        labels = [v.decode() for v in features[schema.LABELS].bytes_list.value]
        for column in columns:
            values = [v.decode() for v in features[column].bytes_list.value]
            if not values and column in row:
                values = [str(row[column])]
            names = [label for label in labels if label.startswith(f"{column}=")]
            for name in names or [f"{column}={value}" for value in values]:
                found.setdefault(name, []).append(clip)
    return {name: tuple(found[name]) for name in sorted(found)}


def _recalled(
    version: PushedVersion | None, clips: _Clips, min_common: int
) -> dict[str, str]:
    """Returns a version's recorded captions of these clips, if there are enough."""
    if version is None:
        return {}
    rows = recorded.read_captions(f"{version.folder}/{destinations.EVALUATION}")
    texts = {row.clip_hash: row.caption for row in rows}
    found = {
        clip: texts[row.clip_hash]
        for clip, row in clips.rows.items()
        if row.clip_hash in texts and clip in clips.references
    }
    return found if len(found) >= min_common else {}


def _champion(
    measured: Measured,
    clips: _Clips,
    destination: str,
    baseline_version: str,
    min_common: int,
) -> Captioned | None:
    """Returns the version with the best recorded captions, if not the baseline."""
    best: tuple[float, str, dict[str, str]] | None = None
    for version in destinations.versions(destination):
        texts = _recalled(version, clips, min_common)
        if not texts:
            continue
        ours = measured.statistics.take(texts).corpus()[_CHAMPION_METRIC]
        theirs = measured.scorer.collect(texts, [_CHAMPION_METRIC]).corpus()
        # Versions may have captioned other clips: what counts is the lead on theirs.
        lead = theirs[_CHAMPION_METRIC] - ours
        if best is None or lead > best[0]:
            best = lead, version.version, texts
    if best is None or best[1] == baseline_version:
        return None
    return _captioned(measured, f"version {best[1]}", best[2])


def _judged_clips(kept: str) -> int:
    verdict = recorded.read_verdict(kept) if kept else None
    return verdict.clips if verdict else 0


def _leaks(
    clips: _Clips, training: set[str], version: str, kept: str
) -> dict[str, tuple[str, ...]]:
    """Returns which test clips each model was trained on, by the clips' content."""
    trained: dict[str, Collection[str]] = {CANDIDATE: training}
    before = recorded.read_training(kept) if kept else None
    if before is not None:
        trained[f"version {version}"] = before
    return {
        model: tuple(
            clip
            for clip, row in clips.rows.items()
            if row.clip_hash and row.clip_hash in hashes
        )
        for model, hashes in trained.items()
    }


def _tried(gates: GateConfig, model: str, clips: _Clips) -> Served | None:
    if gates.servable is None:
        return None
    pairs = zip(clips.ids, clips.records, strict=True)
    examples = dict(itertools.islice(pairs, gates.servable.clips))
    return try_serving(model, examples, gates.servable)


def _rows(
    clips: _Clips, evidence: Evidence, baseline: Mapping[str, str]
) -> Iterable[RecordedCaption]:
    for clip, caption in evidence.model.captions.items():
        row = clips.rows.get(clip)
        yield RecordedCaption(
            clip_hash=row.clip_hash if row else "",
            video_id=clip,
            caption=caption,
            log_prob=evidence.log_probs[clip],
            baseline=baseline.get(clip),
        )


def _unservable(
    error: ServingError, clips: _Clips, baseline: BaselineModel, training: Iterable[str]
) -> Judged:
    """Returns the verdict on a model that captions nothing."""
    said = f"It cannot be served: {error}"
    finding = Finding(gate="servable", status="refused", sentence=said)
    verdict = Verdict(
        outcome="refused",
        sentence=sentence("refused", [said]),
        servable=False,
        baseline_version=baseline.version,
        baseline_note=baseline.note,
        clips=0,
        clips_wanted=len(clips.references) + clips.failed,
        scores={},
        findings=(finding,),
        time=_now(),
    )
    return Judged(verdict, None, {}, (), tuple(training))


def _now() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.isoformat(timespec="seconds")
