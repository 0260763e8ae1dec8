"""Options of the commands that take a run configuration, or a preset in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import typer

if TYPE_CHECKING:
    from pipeline.configs import PipelineConfig

_PLACE = re.compile("[0-9]{1,9}")  # in a list

Configuration = Annotated[
    str,
    typer.Argument(
        help="A YAML file, or the name of a shipped one; with --preset, the folder of "
        "the corpus."
    ),
]
Data = Annotated[
    str,
    typer.Argument(
        help="The folder of a shipped configuration's corpus; by default the one of "
        "its name in the working directory.",
        show_default=False,
    ),
]
PresetName = Annotated[
    str, typer.Option(help="A preset of a paper; `kinescribe presets` lists them.")
]
Corpus = Annotated[
    str,
    typer.Option(
        help="msvd, msrvtt, mvad or vatex; not needed where the paper has one alone."
    ),
]
Seed = Annotated[
    Optional[int],
    typer.Option(min=0, help="Of the training, in place of the configuration's."),
]
Settings = Annotated[
    Optional[list[str]],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Another value for a setting, as in --set training.batch.size=16; may be "
        "repeated. Values are YAML.",
    ),
]


class RunArguments(NamedTuple):
    """The arguments by which a command line describes a run."""

    config: str  # a file's path or a shipped name; with a preset, the corpus' folder
    preset: str = ""
    corpus: str = ""
    root: str = ""
    seed: Optional[int] = None
    settings: tuple[str, ...] = ()
    data: str = ""  # the folder of a shipped configuration's clips

    def read(self) -> PipelineConfig:
        """Returns the run's configuration, with the command line's changes.

        Raises:
            KinescribeError: A setting is wrong, or a preset's corpus is not there.
        """
        from pipeline import configs, joint_configs, published_runs
        from transform.common.errors import KinescribeError

        if self.preset:
            corpus = chosen_corpus(self.preset, self.corpus)
            published = published_runs.configuration(
                self.preset, corpus, self.config, self.root
            )
            described = override(published, self.seed, self.settings)
            published_runs.check_data(described, corpus, self.config)
            return described
        if self.corpus:
            raise KinescribeError("--corpus goes with --preset.")
        described = joint_configs.find(self.config)
        if self.data:
            described = configs.with_data(described, self.config, self.data)
        if self.root:
            described = described.replace(root=self.root)
        return override(described, self.seed, self.settings)


def chosen_corpus(preset: str, corpus: str) -> str:
    """Returns the corpus that was named, or the only one that the paper reports.

    Raises:
        KinescribeError: None was named, and it reports several.
    """
    from pipeline import published_corpora, published_runs
    from transform.common.errors import KinescribeError

    if corpus:
        return corpus
    known = published_runs.corpora_of(preset) or tuple(published_corpora.CORPORA)
    if len(known) > 1:
        raise KinescribeError(f"say on which corpus: --corpus {' or '.join(known)}.")
    return known[0]


def override(
    config: PipelineConfig,
    seed: int | None,
    settings: Sequence[str] | None,
    **replaced: Any,
) -> PipelineConfig:
    """Returns a configuration with the command line's changes, made all at once.

    Args:
        config: The configuration.
        seed: Of the training, if it is another.
        settings: Pairs KEY=VALUE, where a key's parts are joined by dots; a number is a
            place in a list.
        replaced: Fields that have other values before that.

    Raises:
        ConfigError: A key or a value is wrong; the message names it and what is known.
    """
    from transform.common import documents
    from transform.common.config import ConfigError

    changes: dict[str, Any] = dict(replaced)
    if seed is not None:
        changes["training"] = {"seed": seed}
    current = _merged(config.to_dict(), changes)
    keys: set[str] = set()
    for setting in settings or []:
        key, equals, text = setting.partition("=")
        if not (key and equals):
            raise ConfigError(f"--set {setting}: a key, = and a value are expected.")
        if key in keys:
            raise ConfigError(f"--set {setting}: the key {key} is given twice.")
        keys.add(key)
        try:
            value = documents.parse_yaml(text, f"--set {setting}: the value")
            change = _nested(current, key.split("."), value)
        except documents.DocumentError as error:
            raise ConfigError(str(error)) from error
        except LookupError as error:
            raise ConfigError(f"--set {setting}: {error.args[0]}.") from error
        current, changes = _merged(current, change), _merged(changes, change)
    return config.override(changes)


def _nested(current: Any, keys: list[str], value: Any) -> Any:
    """Returns nested mappings with a value below the keys.

    A list on the way is copied, with one of its entries changed.
    """
    if not keys:
        return value
    key, *rest = keys
    if not isinstance(current, list):
        inner = current.get(key) if isinstance(current, dict) else None
        return {key: _nested(inner, rest, value)}
    if not (_PLACE.fullmatch(key) and int(key) < len(current)):
        raise LookupError(f"{key} is none of the places 0 to {len(current) - 1}")
    entries = list(current)
    entries[int(key)] = _merged(
        entries[int(key)], _nested(entries[int(key)], rest, value)
    )
    return entries


def _merged(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {**base, **{k: _merged(base.get(k), v) for k, v in changes.items()}}
