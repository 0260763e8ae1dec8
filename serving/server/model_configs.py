"""Which models a server has, and which of their versions: TensorFlow Serving's file.

model_config_list {
  config {
    name: "kinescribe"
    base_path: "/models/kinescribe"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 4 } }
    version_labels { key: "stable" value: 3 }
    version_labels { key: "canary" value: 4 }
  }
}
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Literal, Union

from serving.common.errors import ServingError
from transform.common.config import BY_KIND, Config, Field
from transform.common.location import Location, LocationError

if TYPE_CHECKING:
    from tensorflow_serving.config import model_server_config_pb2

PLATFORM = "tensorflow"


class LatestVersions(Config):
    """The newest versions; one that does not load gives its place to the next."""

    kind: Literal["latest"] = "latest"
    count: int = Field(1, ge=1)  # live at once

    def candidates(self, complete: Collection[int]) -> list[int]:
        """Returns the versions that may be live, the most wanted first."""
        return sorted(complete, reverse=True)

    def limit(self) -> int | None:
        """Returns how many of the candidates go live; None is all of them."""
        return self.count

    def missing(self, live: Collection[int]) -> list[int]:
        """Returns the versions that must be live and are not."""
        return []


class AllVersions(Config):
    """Every version that is complete, live at once."""

    kind: Literal["all"] = "all"

    def candidates(self, complete: Collection[int]) -> list[int]:
        """Returns the versions that may be live, the most wanted first."""
        return sorted(complete, reverse=True)

    def limit(self) -> int | None:
        """Returns how many of the candidates go live; None is all of them."""
        return None

    def missing(self, live: Collection[int]) -> list[int]:
        """Returns the versions that must be live and are not."""
        return []


class SpecificVersions(Config):
    """These versions and no other."""

    kind: Literal["specific"] = "specific"
    versions: tuple[int, ...]  # numbers of their folders

    def candidates(self, complete: Collection[int]) -> list[int]:
        """Returns the versions that may be live, the most wanted first."""
        return sorted({*self.versions} & {*complete}, reverse=True)

    def limit(self) -> int | None:
        """Returns how many of the candidates go live; None is all of them."""
        return None

    def missing(self, live: Collection[int]) -> list[int]:
        """Returns the versions that must be live and are not."""
        return sorted({*self.versions} - {*live})


VersionPolicy = Annotated[Union[LatestVersions, AllVersions, SpecificVersions], BY_KIND]


class ModelConfig(Config):
    """One model of a server: its name, its folder, its versions and their labels."""

    name: str = Field(..., min_length=1)  # that clients ask for
    base_path: str  # holds the numbered versions
    policy: VersionPolicy = LatestVersions()  # which versions are live
    # Names of versions, which have to be live.
    labels: dict[str, int] = Field(default_factory=dict)


class ModelConfigError(ServingError):
    """A model config list that cannot be served, from a file or from a call."""


def from_proto(
    server_config: model_server_config_pb2.ModelServerConfig,
) -> tuple[ModelConfig, ...]:
    """Reads TensorFlow Serving's message; `ModelConfigError` says what is wrong."""
    if server_config.WhichOneof("config") == "custom_model_config":
        raise ModelConfigError("custom_model_config is not served; list the models.")
    configs = tuple(_model(model) for model in server_config.model_config_list.config)
    names = [config.name for config in configs]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ModelConfigError(
            f"the model {doubled[0]} is configured more than once; give each name once."
        )
    return configs


def read_file(path: str) -> tuple[ModelConfig, ...]:
    """Reads a file in TensorFlow Serving's text format."""
    return parse(text_of(path), path)


def text_of(path: str) -> str:
    """Returns the text of a file; `ModelConfigError` if it cannot be read."""
    try:
        return Location(path).read_text()
    except LocationError as error:
        raise ModelConfigError(str(error)) from error


def parse(text: str, path: str) -> tuple[ModelConfig, ...]:
    """Reads the text of a file whose path errors name."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        proto = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise ModelConfigError(f"{path} is no model config: {error}.") from error
    try:
        configs = from_proto(proto)
    except ModelConfigError as error:
        raise ModelConfigError(f"{path}: {error}") from error
    if not configs:
        raise ModelConfigError(f"{path} names no model; add a model_config_list.")
    return configs


def _model(proto: model_server_config_pb2.ModelConfig) -> ModelConfig:
    if not proto.name:
        raise ModelConfigError("a model has no name; give it one.")
    if proto.model_platform not in ("", PLATFORM) or proto.model_type not in (0, 1):
        raise ModelConfigError(
            f"the model {proto.name} is of platform {proto.model_platform!r}; only "
            f"{PLATFORM!r} is served."
        )
    return ModelConfig(
        name=proto.name,
        base_path=proto.base_path,
        policy=_policy(proto),
        labels=dict(proto.version_labels),
    )


def _policy(
    proto: model_server_config_pb2.ModelConfig,
) -> LatestVersions | AllVersions | SpecificVersions:
    policy = proto.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return AllVersions()
    if kind == "specific":
        if not policy.specific.versions:
            raise ModelConfigError(
                f"the model {proto.name} has a specific policy without versions."
            )
        return SpecificVersions(versions=tuple(policy.specific.versions))
    return LatestVersions(count=max(policy.latest.num_versions, 1))
