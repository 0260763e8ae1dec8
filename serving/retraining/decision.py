"""`decide`: compares the clips at hand with those that a served model came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from serving.pushing.origin import Clips, Origin
from serving.retraining.retrain_config import RetrainConfig
from transform.common.config import first_difference

RETRAIN, NOTHING_NEW, STOP = "retrain", "nothing-new", "stop"

_NAMED = 5  # ids in a sentence


class Served(NamedTuple):
    """The model that is served now."""

    version: str
    pushed: float  # seconds since 1970
    origin: Origin | None  # None of a model from elsewhere


class Changes(NamedTuple):
    """How the clips at hand differ from the served model's: sorted ids."""

    added: list[str]
    removed: list[str]
    files: list[str]  # other content, or none any more
    captions: list[str]
    moved: list[str]  # to another split

    @classmethod
    def between(cls, then: Clips, now: Clips) -> Changes:
        """Compares clips by their ids."""
        both = sorted(now.keys() & then.keys())
        return cls(
            added=sorted(now.keys() - then.keys()),
            removed=sorted(then.keys() - now.keys()),
            files=[i for i in both if now[i][1] != then[i][1]],
            captions=[i for i in both if now[i][2] != then[i][2]],
            moved=[i for i in both if now[i][0] != then[i][0]],
        )

    def new(self) -> set[str]:
        """Returns the ids of clips that a model could learn something from."""
        return {*self.added, *self.files, *self.captions, *self.moved}

    def in_words(self) -> str:
        """Returns the numbers that are not 0: "10 clips added, 1 removed"."""
        said = [
            f"{len(ids)} {'clips ' if index == 0 else ''}{what}"
            for index, (ids, what) in enumerate(
                (ids, what)
                for ids, what in zip(
                    self,
                    (
                        "added",
                        "removed",
                        "with another file",
                        "with other captions",
                        "moved to another split",
                    ),
                    strict=True,
                )
                if ids
            )
        ]
        return ", ".join(said)


class Decision(NamedTuple):
    """What a run is to do, why, and what its model will be made from."""

    decision: str  # RETRAIN, NOTHING_NEW or STOP
    reason: str  # one sentence with the numbers
    origin: Origin  # of the model that a run would make
    counts: Mapping[str, int]
    warnings: tuple[str, ...] = ()


def decide(
    clips: Clips,
    settings: Mapping[str, Any],
    served: Served | None,
    rules: RetrainConfig,
    *,
    now: float,
    attempts: Mapping[str, str] | None = None,
    force: bool = False,
    note: str = "",
    run_id: str = "",
) -> Decision:
    """Says whether to train a model, and from which weights.

    Args:
        clips: Those at hand.
        settings: The settings that decide a model, as JSON.
        served: The model that is served now, if any.
        rules: When a scheduled run trains.
        now: Seconds since 1970.
        attempts: What became of models that are not served, by `Origin.fingerprint`.
        force: Train though nothing is new, and in spite of what stops a run.
        note: Of the person who started the run.
        run_id: Of the run on a cluster.
    """
    then = served.origin.clips if served and served.origin else {}
    changes = Changes.between(then, clips)
    leaks = leaked(clips)
    counts = {name: len(ids) for name, ids in changes._asdict().items()}
    counts["leaked"] = len(leaks)
    fresh = Origin(clips=clips, settings=dict(settings), note=note, run_id=run_id)
    warnings: list[str] = []

    def decided(decision: str, reason: str, origin: Origin = fresh) -> Decision:
        origin = origin.replace(reason=reason)
        return Decision(decision, reason, origin, counts, tuple(warnings))

    splits = {split for split, _, _ in clips.values()}
    for split in ("train", "val", "test"):
        if split not in splits:  # nothing could be trained or judged
            return decided(STOP, f"Stopped: no clip is in the split {split}.")
    stops = _stops(clips, served, changes, leaks, rules)
    if stops and not force:
        return decided(STOP, f"Stopped: {stops[0]}")
    warnings += stops
    if leaks and rules.on_leak == "tell":
        warnings.append(_leak_sentence(leaks))
    if served and (known := trained_on(then, clips)):
        warnings.append(
            f"{_clips(known)} of the test split were in the training of version "
            f"{served.version}, whose scores on them count for little."
        )

    why = _why(settings, served, changes, clips, rules, now)
    if not why and not force:
        return decided(NOTHING_NEW, _nothing_new(changes, served, rules, len(clips)))
    tried = (attempts or {}).get(fresh.fingerprint)
    if tried and not force:
        return decided(
            NOTHING_NEW,
            f"Nothing is new since a model of these clips and settings was {tried}.",
        )
    why = why or "it was asked for"
    start = _start(served, settings, rules)
    if not start:
        return decided(RETRAIN, f"Retraining from fresh weights: {why}.")
    assert served and served.origin
    warm = fresh.replace(parent=served.version, generation=served.origin.generation + 1)
    return decided(
        RETRAIN, f"Retraining from version {served.version}'s weights: {why}.", warm
    )


def leaked(clips: Clips) -> list[str]:
    """Returns the test clips whose content is in another split, too."""
    elsewhere = {
        content for split, content, _ in clips.values() if split != "test" and content
    }
    return sorted(
        video_id
        for video_id, (split, content, _) in clips.items()
        if split == "test" and content in elsewhere
    )


def trained_on(then: Clips, now: Clips) -> list[str]:
    """Returns today's test clips whose content an earlier model was trained on."""
    seen = {content for split, content, _ in then.values() if split == "train"}
    return sorted(
        video_id
        for video_id, (split, content, _) in now.items()
        if split == "test" and content and content in seen
    )


def _stops(
    clips: Clips,
    served: Served | None,
    changes: Changes,
    leaks: list[str],
    rules: RetrainConfig,
) -> list[str]:
    """Returns a sentence for each thing that stops a run."""
    found = []
    if leaks and rules.on_leak == "stop":
        found.append(_leak_sentence(leaks))
    if not served or not served.origin:
        return found
    then = served.origin.clips
    gone = len(changes.removed) / len(then)
    if gone > rules.max_removed_share:
        found.append(
            f"{_clips(changes.removed)} of {len(then):,} that version "
            f"{served.version} was made from are gone, more than "
            f"retrain.max_removed_share = {rules.max_removed_share:g} allows."
        )
    if rules.frozen_test:
        touched = {*changes.removed, *changes.files, *changes.captions, *changes.moved}
        test = sorted(i for i in touched if then[i][0] == "test")
        if test:
            found.append(
                f"{_clips(test)} of the test split changed, were moved or are gone, so "
                f"that scores cannot be compared with version {served.version}'s; "
                "set retrain.frozen_test = false if that is meant."
            )
    return found


def _leak_sentence(leaks: list[str]) -> str:
    return (
        f"{_clips(leaks)} of the test split have a file that is in another split, too: "
        "leave one of them out."
    )


def _why(
    settings: Mapping[str, Any],
    served: Served | None,
    changes: Changes,
    clips: Clips,
    rules: RetrainConfig,
    now: float,
) -> str:
    """Returns the reason to train a model, or ''."""
    if not served:
        return "nothing has been pushed yet"
    if not served.origin:
        return f"version {served.version} does not say what it was made from"
    if difference := first_difference(served.origin.settings, dict(settings)):
        return f"the settings changed in {difference}"
    new = changes.new()
    if new and len(new) >= max(rules.min_new_clips, rules.min_new_share * len(clips)):
        return changes.in_words()
    age = now - served.pushed
    if age > rules.max_age_seconds:
        return f"version {served.version} is {age / 86400:.0f} days old"
    return ""


def _nothing_new(
    changes: Changes, served: Served | None, rules: RetrainConfig, total: int
) -> str:
    assert served
    since = f"since version {served.version}"
    if said := changes.in_words():
        return f"Nothing that is worth a model {since}: {said}, of {total:,}."
    return f"Nothing is new {since}: the same {total:,} clips."


def _start(
    served: Served | None, settings: Mapping[str, Any], rules: RetrainConfig
) -> bool:
    """Returns whether to start from the served model's weights."""
    if not served or not served.origin or rules.warm_start == "never":
        return False
    if rules.warm_start == "always":
        return True
    same = not first_difference(served.origin.settings, dict(settings))
    return same and served.origin.generation + 1 < rules.fresh_every


def _clips(ids: list[str]) -> str:
    named = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    return f"{len(ids):,} clip{'s' if len(ids) != 1 else ''} ({named})"
