"""Loads, serves, swaps and unloads the versions of a model."""

from __future__ import annotations

import contextlib
import enum
import gc
import logging
import posixpath
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from serving import errors, model_versions
from serving.errors import ServingError
from serving.export import warmup
from serving.server.batching import Batcher
from serving.server.config import BatchingConfig

LOG = logging.getLogger("kinescribe.serving")

Signature = Any  # a loaded tf.types.experimental.ConcreteFunction


class Servable:
    """One loaded version of a model.

    A signature is batched if the leading axis of all its inputs and outputs is free;
    any other runs as it is called.
    """

    def __init__(
        self,
        version: int,
        folder: str,
        batching: BatchingConfig,
        observe_batch: Callable[[int], None] = lambda rows: None,
    ):
        self.version = version
        self.signature_defs = _signature_defs(folder)
        model = tf.saved_model.load(folder)
        self.signatures: dict[str, Signature] = dict(model.signatures)
        self._model = model  # owns the variables
        self._batchers = {
            name: Batcher(self._runner(name), batching, observe_batch)
            for name, signature in self.signatures.items()
            if _is_batched(signature)
        }

    def inputs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns the inputs of a signature by their names."""
        return dict(self.signatures[signature].structured_input_signature[1])

    def submit(
        self, signature: str, arrays: Mapping[str, np.ndarray]
    ) -> Future[Mapping[str, np.ndarray]]:
        """Runs a signature on checked inputs, batched with others if possible."""
        if signature in self._batchers:
            return self._batchers[signature].submit(arrays)
        future: Future[Mapping[str, np.ndarray]] = Future()
        try:
            future.set_result(self._runner(signature)(arrays))
        except Exception as error:
            future.set_exception(error)
        return future

    def warm_up(self, folder: str) -> int:
        """Replays the version's warm-up requests and returns their number."""
        requests = warmup.read(folder)
        for request in requests:
            name = request.model_spec.signature_name
            arrays = {
                key: tf.make_ndarray(proto) for key, proto in request.inputs.items()
            }
            self._runner(name)(arrays)
        return len(requests)

    def close(self) -> None:
        """Ends the version's threads and frees its memory."""
        for batcher in self._batchers.values():
            batcher.close()
        self.signatures.clear()
        del self._model
        gc.collect()  # a loaded model refers to itself

    def _runner(
        self, name: str
    ) -> Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]:
        function = self.signatures[name]
        dtypes = {key: spec.dtype for key, spec in self.inputs(name).items()}

        def run(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
            outputs = function(
                **{
                    key: tf.constant(array, dtypes[key])
                    for key, array in arrays.items()
                }
            )
            return {key: tensor.numpy() for key, tensor in outputs.items()}

        return run


class State(enum.Enum):
    """The state of a version, as TensorFlow Serving calls it."""

    LOADING = "loading"
    AVAILABLE = "available"
    UNLOADING = "unloading"
    END = "end"


class VersionStatus(NamedTuple):
    """The state of a version and the error that it ended with."""

    state: State
    error: str  # why it did not load; '' if it did


class _Live:
    """A servable with the number of requests that are using it."""

    def __init__(self, servable: Servable):
        self.servable = servable
        self.users = 0
        self.retired = False


Load = Callable[[int, str], Servable]


class ServableManager:
    """Keeps the newest complete version of a model loaded.

    Args:
        base: The folder of numbered versions.
        load: Loads and warms up a servable, given a version's number and folder.
        pinned: The only version to load; the newest, if None.
        on_live: Called with the version's number whenever another goes live.
        on_failure: Called with the version's number whenever one fails to load.
    """

    def __init__(
        self,
        base: str,
        load: Load,
        pinned: int | None = None,
        on_live: Callable[[int], None] = lambda version: None,
        on_failure: Callable[[int], None] = lambda version: None,
    ):
        self._base = base
        self._load = load
        self._pinned = pinned
        self._on_live = on_live
        self._on_failure = on_failure
        self._lock = threading.Lock()  # guards what follows
        self._live: _Live | None = None
        self._statuses: dict[int, VersionStatus] = {}
        self._failed: dict[int, model_versions.Snapshot] = {}
        self._loading = threading.Lock()  # one load at a time
        self._stop = threading.Event()
        self._poller: threading.Thread | None = None

    @property
    def version(self) -> int | None:
        """The number of the live version, if there is one."""
        with self._lock:
            return self._live.servable.version if self._live else None

    @property
    def pinned(self) -> int | None:
        """The only version to serve, if one is pinned."""
        return self._pinned

    def statuses(self) -> dict[int, VersionStatus]:
        """Returns the status of every version seen so far, by number."""
        with self._lock:
            return dict(self._statuses)

    @contextlib.contextmanager
    def use(self) -> Iterator[Servable | None]:
        """Lends the live servable, which stays loaded until the block ends."""
        with self._lock:
            live = self._live
            if live:
                live.users += 1
        try:
            yield live.servable if live else None
        finally:
            if live:
                self._give_back(live)

    def poll(self) -> None:
        """Looks at the folder once; loads and swaps if another version is due.

        That is the newest complete one, except for those that failed to load and have
        not changed since.
        """
        with self._loading:
            self._load_newest()

    def pin(self, version: int | None) -> None:
        """Changes the version to serve, None being the newest, and looks at once."""
        with self._loading:
            self._pinned = version
            self._failed.clear()
            self._load_newest()

    def start(self, poll_seconds: float) -> None:
        """Looks at the folder now, and from then on in a separate thread."""
        self.poll()
        self._poller = threading.Thread(
            target=self._poll_for_ever, args=(poll_seconds,), name="poller", daemon=True
        )
        self._poller.start()

    def close(self) -> None:
        """Stops polling and unloads the live version."""
        self._stop.set()
        if self._poller:
            self._poller.join()
        with self._loading:
            self._swap(None)

    def _poll_for_ever(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            try:
                self.poll()
            except Exception:
                LOG.exception("cannot look at %s; trying again", self._base)

    def _load_newest(self) -> None:
        if self._stop.is_set():
            return
        folders = model_versions.complete_versions(self._base)
        for version in sorted(folders, reverse=True):
            if self._pinned not in (None, version):
                continue
            if version == self.version or self._try_load(version, folders[version]):
                return

    def _try_load(self, version: int, folder: str) -> bool:
        """Loads a version and makes it live; False if it fails or has before."""
        snapshot = model_versions.snapshot(folder)
        if self._failed.get(version) == snapshot:
            return False
        self._set(version, State.LOADING)
        try:
            servable = self._load(version, folder)
        except Exception as error:
            LOG.error(
                "version %d does not load: %s", version, errors.one_sentence(error)
            )
            self._failed[version] = snapshot
            self._set(version, State.END, errors.one_sentence(error))
            self._on_failure(version)
            return False
        self._failed.pop(version, None)
        self._swap(servable)
        self._on_live(version)
        return True

    def _swap(self, servable: Servable | None) -> None:
        with self._lock:
            old, self._live = self._live, _Live(servable) if servable else None
            if servable:
                self._statuses[servable.version] = VersionStatus(State.AVAILABLE, "")
            unused = False
            if old:
                old.retired = True
                unused = old.users == 0
                self._statuses[old.servable.version] = VersionStatus(
                    State.UNLOADING, ""
                )
        if old and unused:
            self._unload(old)

    def _give_back(self, live: _Live) -> None:
        with self._lock:
            live.users -= 1
            unused = live.retired and live.users == 0
        if unused:
            self._unload(live)

    def _unload(self, live: _Live) -> None:
        live.servable.close()
        with self._lock:
            version = live.servable.version
            if self._statuses[version].state is State.UNLOADING:  # not loaded anew
                self._statuses[version] = VersionStatus(State.END, "")

    def _set(self, version: int, state: State, error: str = "") -> None:
        with self._lock:
            self._statuses[version] = VersionStatus(state, error)


def load_version(
    batching: BatchingConfig, observe_batch: Callable[[int], None]
) -> Load:
    """Returns the loader of a server, which warms every version up."""

    def load(version: int, folder: str) -> Servable:
        servable = Servable(version, folder, batching, observe_batch)
        try:
            warmed = servable.warm_up(folder)
        except Exception as error:
            servable.close()
            raise ServingError(
                f"its warm-up requests fail: {errors.one_sentence(error)}"
            ) from error
        LOG.info("version %d is loaded; %d warm-up requests", version, warmed)
        return servable

    return load


def _signature_defs(folder: str) -> dict[str, meta_graph_pb2.SignatureDef]:
    with tf.io.gfile.GFile(posixpath.join(folder, "saved_model.pb"), "rb") as file:
        saved = saved_model_pb2.SavedModel.FromString(file.read())
    for graph in saved.meta_graphs:
        if tf.saved_model.SERVING in graph.meta_info_def.tags:
            return {
                name: signature
                for name, signature in graph.signature_def.items()
                if name != "__saved_model_init_op"
            }
    raise ServingError(f"{folder} has no graph to serve")


def _is_batched(signature: Signature) -> bool:
    tensors = [
        *signature.structured_input_signature[1].values(),
        *signature.structured_outputs.values(),
    ]
    return bool(signature.structured_input_signature[1]) and all(
        tensor.shape.rank and tensor.shape[0] is None for tensor in tensors
    )
