"""`Catalogue`: the models of a server by name, and the thread that looks for news."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from serving.server import model_configs
from serving.server.model_configs import ModelConfig
from serving.server.refusals import Code, RefusalError
from serving.server.servables import Load, ServableManager, VersionsUnavailableError

LOG = logging.getLogger("kinescribe.serving")


class ServedModel(NamedTuple):
    """A model of the catalogue: its versions and their labels."""

    config: ModelConfig
    versions: ServableManager


class Catalogue:
    """Holds the models, looks for their new versions, and takes new lists of models.

    Args:
        load: Loads a version; given the model's name, a number and a folder.
        model_config_file: Read again whenever it changes; '' for none.
        on_change: Called whenever a version goes live or retires.
        on_failure: Called with a model, the version that does not load, and the error.
    """

    def __init__(
        self,
        load: Callable[[str], Load],
        model_config_file: str = "",
        on_change: Callable[[], None] = lambda: None,
        on_failure: Callable[
            [ModelConfig, int, Exception], None
        ] = lambda model, version, error: None,
    ):
        self._load = load
        self._file = model_config_file
        self._file_text = ""  # an empty file names no model
        self._on_change = on_change
        self._on_failure = on_failure
        self._models: dict[str, ServedModel] = {}  # replaced, never changed
        self._changing = threading.Lock()  # one change at a time
        self._roots: set[str] = set()  # that models of calls may lie in
        self._stop = threading.Event()
        self._look = threading.Event()
        self._poller: threading.Thread | None = None

    @property
    def models(self) -> dict[str, ServedModel]:
        """The models by their names."""
        return self._models

    def find(self, name: str) -> ServedModel | None:
        """Returns the model of a name, if there is one."""
        return self._models.get(name)

    def is_ready(self) -> bool:
        """Returns whether every model has a live version."""
        models = [*self._models.values()]
        return bool(models) and all(model.versions.versions for model in models)

    def running_seconds(self) -> float:
        """Returns how long the longest of the present runs has taken."""
        models = [*self._models.values()]
        return max((model.versions.running_seconds for model in models), default=0.0)

    def configure(self, configs: Sequence[ModelConfig]) -> None:
        """Takes the models that the operator names, and loads what is there."""
        with self._changing:
            self._roots |= {_parent(config.base_path) for config in configs}
            self._apply(configs, strict=False)

    def reconfigure(self, configs: Sequence[ModelConfig]) -> None:
        """Takes the list of models of a call: all of it, or nothing.

        Raises:
            RefusalError: A folder lies outside of those of the operator's models, or
                a version that is named or labelled cannot be loaded.
        """
        with self._changing:
            self._apply([self._resolved(config) for config in configs], strict=True)

    def read_file(self) -> None:
        """Reads the model config file, if there is one and it has changed.

        Raises:
            model_configs.ModelConfigError: It cannot be read, or says what cannot be
                served.
        """
        if not self._file:
            return
        text = model_configs.text_of(self._file)
        if text != self._file_text:
            self._file_text = text
            self.configure(model_configs.parse(text, self._file))

    def start(self, poll_seconds: float) -> None:
        """Looks at the folders from now on in a separate thread."""
        self._poller = threading.Thread(
            target=self._poll_for_ever, args=(poll_seconds,), name="poller", daemon=True
        )
        self._poller.start()

    def look_now(self) -> None:
        """Lets the thread look at the file and the folders at once."""
        self._look.set()

    def poll(self) -> None:
        """Looks at the model config file and at every model's folder once."""
        try:
            self.read_file()
        except model_configs.ModelConfigError as error:
            LOG.error("the models stay as they are: %s", error)
        for model in self._models.values():
            with self._changing:
                if self._stop.is_set():
                    return
                try:
                    model.versions.poll()
                except Exception:
                    LOG.exception("cannot look at %s; trying again", model.config.name)

    def close(self, timeout: float | None = None) -> bool:
        """Stops looking and unloads every model.

        Args:
            timeout: Seconds to wait for a load, and for each run; None waits for all.

        Returns:
            Whether all of them ended.
        """
        self._stop.set()
        self._look.set()
        if self._poller:
            self._poller.join(timeout)
        if not self._changing.acquire(timeout=-1 if timeout is None else timeout):
            return False
        try:
            models, self._models = self._models, {}
            return all([model.versions.close(timeout) for model in models.values()])
        finally:
            self._changing.release()

    def _poll_for_ever(self, seconds: float) -> None:
        while True:
            self._look.wait(seconds)
            self._look.clear()
            if self._stop.is_set():
                return
            self.poll()

    def _apply(self, configs: Sequence[ModelConfig], strict: bool) -> None:
        before = self._models
        changed: list[tuple[ServableManager, ModelConfig]] = []
        added: list[ServableManager] = []
        models: dict[str, ServedModel] = {}
        try:
            for config in configs:
                old = before.get(config.name)
                if old and _same_folder(old.config.base_path, config.base_path):
                    manager = old.versions
                    changed.append((manager, old.config))
                else:
                    manager = self._manager(config)
                    added.append(manager)
                self._change(manager, config, strict)
                models[config.name] = ServedModel(config, manager)
        except RefusalError:
            for manager, config in changed:
                self._change(manager, config, strict=False)
            for manager in added:
                manager.close()
            raise
        self._models = models
        kept = {id(model.versions) for model in models.values()}
        for name, model in before.items():
            if id(model.versions) not in kept:
                LOG.info("the model %s is no longer served from there", name)
                model.versions.close()
        self._on_change()

    def _manager(self, config: ModelConfig) -> ServableManager:
        return ServableManager(
            config.base_path,
            self._load(config.name),
            config.policy,
            self._on_change,
            lambda version, error: self._on_failure(config, version, error),
        )

    def _change(
        self, manager: ServableManager, config: ModelConfig, strict: bool
    ) -> None:
        try:
            manager.change_policy(config.policy)
        except VersionsUnavailableError as error:
            if strict:
                raise RefusalError(Code.FAILED_PRECONDITION, str(error)) from error
            manager.policy = config.policy  # they may come yet
            LOG.warning("%s", error)
        absent = {*config.labels.values()} - {*manager.versions}
        if absent and strict:
            raise RefusalError(
                Code.FAILED_PRECONDITION,
                f"Request to assign label to version {min(absent)} of model "
                f"{config.name}, which is not currently available for inference",
            )

    def _resolved(self, config: ModelConfig) -> ModelConfig:
        """Returns a call's model with its folder, which the operator has to know."""
        old = self._models.get(config.name)
        if old and not config.base_path:
            return config.replace(base_path=old.config.base_path)
        if old and _same_folder(old.config.base_path, config.base_path):
            return config
        if not config.base_path or _parent(config.base_path) not in self._roots:
            raise RefusalError(
                Code.INVALID_ARGUMENT,
                f"the folder of {config.name}, {config.base_path or 'none'}, lies "
                "beside none of the models that this server was started with",
            )
        return config


def _same_folder(one: str, other: str) -> bool:
    return one == other or _real(one) == _real(other)


def _parent(folder: str) -> str:
    return os.path.dirname(_real(folder).rstrip("/"))


def _real(folder: str) -> str:
    return folder.rstrip("/") if "://" in folder else os.path.realpath(folder)
