"""The work of `Pusher`: pushes the model if it is blessed, and records where."""

from __future__ import annotations

from collections.abc import Sequence

from absl import logging
from tfx.components.util import model_utils
from tfx.types import Artifact
from tfx.utils import io_utils, path_utils

from components.baseline_model import executor as baseline_model
from components.judge.executor import OUTCOME, VERDICT
from serving.common import model_versions
from serving.common.weights_digest import weights_digest
from serving.judging import recorded
from serving.pushing import clip_outcomes, ledger, provenance, withheld
from serving.pushing import destination as destinations
from serving.pushing.destination import PushRecord
from serving.pushing.origin import Origin
from serving.pushing.push import push
from serving.pushing.run_folders import RunFolders
from transform.records.dataset import ExtractedDataset

# Properties of the pushed model's artifact; the first three are named by TFX.
PUSHED = "pushed"
DESTINATION = "pushed_destination"
VERSION = "pushed_version"
WITHHELD = "withheld"  # why a model that the gates let pass was not pushed
# Fields of the record that are properties of the artifact, too.
_TOLD = (
    "weights_digest",
    "config_digest",
    "data_digest",
    "spec_hash",
    "baseline_version",
)


def push_if_blessed(
    examples: Artifact,
    model: Artifact,
    baseline: Artifact,
    blessings: Sequence[Artifact],
    infra_blessing: Artifact,
    judgement: Artifact,
    drift: Artifact,
    pushed_model: Artifact,
    destination: str,
    config_digest: str,
    data_digest: str,
) -> None:
    """Pushes `model` to `destination` if all blessings say so.

    Args:
        examples: The records; their manifest is counted in the record and kept.
        model: The model just trained.
        baseline: The model that it was compared with.
        blessings: The Evaluator's and the Judge's blessings, or their refusals.
        infra_blessing: The Judge's word that a server can serve it.
        judgement: The verdict and the captions, which are kept beside the model.
        drift: The table of the run's clips, likewise.
        pushed_model: Takes a copy of the pushed model, and the properties.
        destination: The folder that a model server watches.
        config_digest: Digest of the configuration that made the model.
        data_digest: Digest of the clips and captions that it was trained on.
    """
    folder = path_utils.serving_model_path(model.uri)
    origin = Origin.read(folder)  # of a scheduled run's model
    made_from = origin.fingerprint if origin else ""

    def keep_back(event: ledger.Kind, why: str) -> None:
        logging.info("The model is not pushed: %s", why)
        pushed_model.set_int_custom_property(PUSHED, 0)
        if origin:  # the next run need not make it again
            ledger.record(destination, event, origin_digest=made_from, reason=why)

    blessed = all(map(model_utils.is_model_blessed, blessings))
    if not (blessed and model_utils.is_infra_validated(infra_blessing)):
        equal = judgement.get_string_custom_property(OUTCOME) == "equal"
        keep_back(
            "equal" if equal else "refused",
            judgement.get_string_custom_property(VERDICT),
        )
        return
    record = PushRecord(
        version="",
        weights_digest=weights_digest(folder),
        config_digest=config_digest,
        data_digest=data_digest,
        spec_hash=model_versions.read_spec(folder).content_hash,
        baseline_version=baseline.get_string_custom_property(baseline_model.VERSION),
        **_facts(origin, judgement, examples),
        artifacts={
            name: provenance.artifact(artifact.uri)
            for name, artifact in {
                "examples": examples,
                "model": model,
                "baseline": baseline,
                "judgement": judgement,
                "drift": drift,
                "pushed_model": pushed_model,
            }.items()
        },
    )
    if why := withheld.reason(destination, record.weights_digest):
        pushed_model.set_string_custom_property(WITHHELD, why)
        keep_back("refused", why)
        return
    before = destinations.latest(destination)
    run = RunFolders(judgement.uri, drift.uri, examples.uri)
    pushed = push(folder, destination, record, run)
    same = before is not None and before.version == pushed.version
    if origin or not same:
        ledger.record(
            destination,
            "equal" if same else "pushed",
            version=pushed.version,
            weights_digest=record.weights_digest,
            origin_digest=made_from,
            reason=origin.reason if origin else "",
        )
    logging.info("The model is version %s in %s.", pushed.version, destination)
    io_utils.copy_dir(pushed.folder, pushed_model.uri)
    pushed_model.set_int_custom_property(PUSHED, 1)
    pushed_model.set_string_custom_property(DESTINATION, pushed.folder)
    pushed_model.set_string_custom_property(VERSION, pushed.version)
    for name in _TOLD:
        pushed_model.set_string_custom_property(name, getattr(record, name))


def _facts(origin: Origin | None, judgement: Artifact, examples: Artifact) -> dict:
    """Returns the fields of a push record that say how the model came to be."""
    verdict = recorded.read_verdict(judgement.uri)
    code = provenance.code()
    facts = {
        "format": 3,
        "run_id": origin.run_id if origin else "",
        "parent": origin.parent if origin else "",
        "start": "warm" if origin and origin.parent else "fresh",
        "decision": origin.reason if origin else "",
        **clip_outcomes.of_records(ExtractedDataset(examples.uri))._asdict(),
        "revision": code.revision,
        "changed": code.changed,
        "image": provenance.image(),
        "training_image": origin.image if origin else "",
        "libraries": provenance.libraries(),
    }
    if verdict:
        facts |= {
            "outcome": verdict.outcome,
            "verdict": verdict.sentence,
            "scores": verdict.scores,
            "intervals": verdict.intervals,
        }
    return facts
