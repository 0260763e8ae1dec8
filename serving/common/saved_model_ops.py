"""Refuses SavedModels whose graphs could touch files, or run code of their own.

A SavedModel is a program: its functions run while it is loaded, while it is warmed up
and at every call. TensorFlow has ops that read and write any file of the process. A
captioner needs none of them, so that everything a loaded model could call must be an op
without state, or one of the few that hold its variables and tables.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import function_pb2, node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

from serving.common.errors import ServingError

# Ops without state, as they are registered, that reach out of the graph nevertheless.
_REACHING_OUT = re.compile(
    "File|Dataset|Reader|Proto|PyFunc|Debug|Copy|Host|Remapping|CustomCall|Remote|^_"
)
_HARMLESS_WITH_STATE = frozenset(
    """
    Assert AssignVariableOp AssignAddVariableOp AssignSubVariableOp ReadVariableOp
    VarHandleOp VarIsInitializedOp VariableShape DestroyResourceOp ResourceGather
    ResourceGatherNd DisableCopyOnRead StatefulPartitionedCall While If Case
    HashTableV2 MutableHashTableV2 MutableDenseHashTableV2 AnonymousHashTable
    LookupTableFindV2 LookupTableSizeV2 LookupTableExportV2 LookupTableImportV2
    LookupTableInsertV2 InitializeTableV2 CheckNumerics CheckNumericsV2 Empty
    RandomUniform RandomUniformInt RandomStandardNormal TruncatedNormal Multinomial
    StatelessRandomGetAlg TensorArrayV3 TensorArrayReadV3 TensorArrayWriteV3
    TensorArraySizeV3 TensorArrayGatherV3 TensorArrayScatterV3 TensorArrayConcatV3
    TensorArraySplitV3 TensorArrayCloseV3 _Arg _Retval
    """.split()
)
_GRAPH = "saved_model.pb"


def check_ops(folder: str) -> None:
    """Raises `ServingError` if a model could call an op that is not allowed.

    Args:
        folder: The folder of a SavedModel, which is not loaded.
    """
    found = sorted({*forbidden_ops(_read(folder))})
    if found:
        raise ServingError(
            f"the model in {folder} uses {', '.join(found[:5])}, by which it could "
            "read or write files or run code; serve it with --allow-any-ops only if "
            "you trust whoever made it."
        )


def forbidden_ops(saved: saved_model_pb2.SavedModel) -> Iterator[str]:
    """Yields the ops that a loaded model could call and is not allowed to."""
    for graph in saved.meta_graphs:
        library = {f.signature.name: f for f in graph.graph_def.library.function}
        roots: set[str] = {*graph.object_graph_def.concrete_functions}
        nodes: Iterable[node_def_pb2.NodeDef] = graph.graph_def.node
        if roots:
            # The object graph is what is loaded; of the graph itself only what the
            # signatures name. The saver's functions, which nobody calls, stay out.
            served = {
                info.name.partition(":")[0]
                for signature in graph.signature_def.values()
                for info in signature.outputs.values()
            }
            nodes = [node for node in nodes if node.name in served]
        yield from _forbidden(nodes, roots, library)


def _forbidden(
    nodes: Iterable[node_def_pb2.NodeDef],
    roots: set[str],
    library: dict[str, function_pb2.FunctionDef],
) -> Iterator[str]:
    waiting = [*roots]
    seen: set[str] = set()
    pending = [*nodes]
    while pending or waiting:
        for node in pending:
            if node.op not in library and not _is_allowed(node.op):
                yield node.op
            waiting.extend(_called(node))
        pending = []
        if waiting:
            name = waiting.pop()
            if name in library and name not in seen:
                seen.add(name)
                pending = [*library[name].node_def]


def _called(node: node_def_pb2.NodeDef) -> Iterator[str]:
    """Yields the functions that a node may call."""
    yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _is_allowed(op: str) -> bool:
    if op in _HARMLESS_WITH_STATE:
        return True
    definition = op_def_registry.get(op)
    return (
        definition is not None
        and not definition.is_stateful
        and not _REACHING_OUT.search(op)
    )


def _read(folder: str) -> saved_model_pb2.SavedModel:
    path = posixpath.join(folder, _GRAPH)
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return saved_model_pb2.SavedModel.FromString(file.read())
    except (DecodeError, tf.errors.OpError) as error:
        raise ServingError(
            f"the model in {folder} cannot be loaded: {_GRAPH} is damaged."
        ) from error
