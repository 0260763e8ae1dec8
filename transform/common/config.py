"""`Config`: the frozen, strict base class of all settings in Kinescribe."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import pydantic
import pydantic.json
import yaml
from pydantic import ByteSize, Field, StrictStr, root_validator, validator

from transform.common import documents
from transform.common.errors import KinescribeError
from transform.common.location import Location, LocationError

__all__ = [
    "BY_KIND",
    "ByteSize",
    "Config",
    "ConfigError",
    "Field",
    "StrictStr",
    "first_difference",
    "read_yaml",
    "root_validator",
    "validator",
    "with_fields",
]

ConfigT = TypeVar("ConfigT", bound="Config")

_MISSING, _UNKNOWN = "value_error.missing", "value_error.extra"  # pydantic's names

# Tells the configs of a union apart: `Annotated[Union[Greedy, BeamSearch], BY_KIND]`.
BY_KIND = Field(discriminator="kind")


class ConfigError(KinescribeError, ValueError):
    """Raised for a wrong setting; the message names it and what is allowed."""


class Config(pydantic.BaseModel):
    """Base class of immutable settings with checked keys and values.

    What varies is a field that holds another `Config`; a union of them is told apart
    by its `kind` field, as in `algorithm: {kind: dis, preset: fast}`.
    """

    # Fields that `hashed` leaves out: they say where something lies, not what it is.
    hash_excluded: ClassVar[frozenset[str]] = frozenset()
    # Fields younger than the hashes that are about. One that has its default is left
    # out, so that what was hashed before the field existed keeps its hash.
    hash_default_omitted: ClassVar[frozenset[str]] = frozenset()

    class Config:
        """Settings of pydantic for every config."""

        frozen = True
        extra = "forbid"
        smart_union = True
        validate_all = True
        copy_on_model_validation = "none"

    @validator("*", pre=True)
    def _no_silent_truncation(cls, value: Any, field: Any) -> Any:
        if isinstance(field.type_, type) and issubclass(field.type_, int):
            if field.type_ is bool:
                return value
            items = value if isinstance(value, list | tuple) else [value]
            if isinstance(value, Mapping):
                items = list(value.values())
            if any(isinstance(item, bool | float) for item in items):
                raise ValueError("a whole number is expected")
        if isinstance(value, float) and math.isnan(value):
            raise ValueError("a number is expected")
        return value

    @classmethod
    def from_dict(cls: type[ConfigT], data: Mapping[str, Any]) -> ConfigT:
        """Builds the config, or raises `ConfigError` with one sentence."""
        if not isinstance(data, Mapping):
            raise ConfigError(f"settings are expected, not {data!r:.60}.")
        try:
            return cls.parse_obj(data)
        except pydantic.ValidationError as error:
            raise ConfigError(_sentence(cls, data, error)) from error

    @classmethod
    def from_json(cls: type[ConfigT], text: str | bytes, name: str = "") -> ConfigT:
        """Builds the config from the JSON that `to_json` wrote.

        Args:
            text: The JSON.
            name: Of the file that holds it, for messages.

        Raises:
            ConfigError: It is damaged, or a setting is wrong.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            where = name or "the text"
            raise ConfigError(f"{where} is damaged: {error}.") from error
        try:
            return cls.from_dict(data)
        except ConfigError as error:
            if not name:
                raise
            raise ConfigError(f"{name} is damaged: {error}") from error

    @classmethod
    def from_yaml(cls: type[ConfigT], path: str | pathlib.Path) -> ConfigT:
        """Reads a YAML file; `ConfigError` names the file, the key and the value."""
        data = read_yaml(path)
        try:
            return cls.from_dict(data)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def to_json(self) -> str:
        """Returns canonical JSON, with sorted keys and no spaces."""
        return json.dumps(
            json.loads(self.json()), sort_keys=True, separators=(",", ":")
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain JSON types."""
        return json.loads(self.json())

    def to_yaml(self) -> str:
        """Returns the settings as YAML, which `from_yaml` reads from a file."""
        return yaml.safe_dump(
            self.to_dict(),
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=88,
        )

    def hashed(self) -> dict[str, Any]:
        """Returns the fields that count for a content hash, as plain JSON types."""
        return {
            name: _hashed(getattr(self, name))
            for name, field in self.__fields__.items()
            if name not in self.hash_excluded
            and not (
                name in self.hash_default_omitted
                and getattr(self, name) == field.default
            )
        }

    def replace(self: ConfigT, **changes: Any) -> ConfigT:
        """Returns a checked copy with some fields changed."""
        return type(self).from_dict({**dict(self), **changes})

    def override(self: ConfigT, changes: Mapping[str, Any]) -> ConfigT:
        """Returns a checked copy with a nested mapping merged over it.

        A nested mapping that names another `kind` replaces the field whole.
        """
        return type(self).from_dict(_merge(self.to_dict(), changes))

    def digest(self) -> str:
        """Returns sixteen hex digits of the SHA-256 of `to_json()`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


def with_fields(
    fields: Mapping[str, tuple[type, Any]],
) -> Callable[[type[ConfigT]], type[ConfigT]]:
    """Returns a class decorator that adds fields which a table lists to a config.

    Args:
        fields: Each field's name → its type, and its default or `Field(…)`.
    """
    definitions: dict[str, Any] = dict(fields)

    def extend(config: type[ConfigT]) -> type[ConfigT]:
        extended = pydantic.create_model(
            config.__name__,
            __base__=config,
            __module__=config.__module__,
            **definitions,
        )
        extended.__doc__ = config.__doc__
        return extended

    return extend


def read_yaml(path: str | pathlib.Path) -> dict[str, Any]:
    """Reads a YAML file's settings; `ConfigError` names the file."""
    try:
        data = documents.parse_yaml(Location(path).read_text(), str(path))
    except (LocationError, documents.DocumentError) as error:
        raise ConfigError(str(error)) from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{path} must hold a mapping of settings.")
    return data


def first_difference(ours: Any, theirs: Any, path: str = "") -> str:
    """Returns the first field in which two JSON-like values differ, or ''."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            where = f"{path}.{key}" if path else key
            if key not in ours or key not in theirs:
                have = ours.get(key, "absent"), theirs.get(key, "absent")
                return _differ(where, *have)
            if difference := first_difference(ours[key], theirs[key], where):
                return difference
        return ""
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return f"{path} ({len(ours)} against {len(theirs)} entries)"
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            if difference := first_difference(*pair, f"{path}[{index}]"):
                return difference
        return ""
    return "" if ours == theirs else _differ(path, ours, theirs)


def _differ(path: str, ours: Any, theirs: Any) -> str:
    said = ["nothing" if value == "" else value for value in (ours, theirs)]
    return f"{path} ({said[0]} against {said[1]})"


def _hashed(value: Any) -> Any:
    if isinstance(value, Config):
        return value.hashed()
    if isinstance(value, Mapping):
        return {str(key): _hashed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hashed(item) for item in value]
    return json.loads(json.dumps(value, default=pydantic.json.pydantic_encoder))


def _merge(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, Mapping)):
        return changes
    if changes.get("kind", base.get("kind")) != base.get("kind"):
        return dict(changes)
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = _merge(base[key], value) if key in base else value
    return merged


class _Place(NamedTuple):
    """A place in settings that an error is about."""

    path: str  # "stages[0].epochs"
    key: str  # "epochs", the last part of the path
    value: Any
    owner: type  # the config class that the key belongs to


def _sentence(
    cls: type[Config], data: Mapping[str, Any], error: pydantic.ValidationError
) -> str:
    """Puts pydantic's first error into words: the key, its value, what is allowed.

    All the keys that are missing or unknown beside that one are told with it.
    """
    first, *others = error.errors()
    if first["type"] not in (_MISSING, _UNKNOWN):
        place = _place(cls, data, first["loc"])
        message = first["msg"].removesuffix(".")
        if place.path:
            return f"{place.path} = {place.value!r} is wrong: {message}."
        return f"{message}."
    beside = [other for other in others if other["loc"][:-1] == first["loc"][:-1]]
    missing, unknown = (
        [_place(cls, data, e["loc"]) for e in (first, *beside) if e["type"] == kind]
        for kind in (_MISSING, _UNKNOWN)
    )
    allowed = sorted(getattr(_place(cls, data, first["loc"]).owner, "__fields__", {}))
    clauses = []
    if unknown:
        named = ", ".join(_with_hint(place, allowed) for place in unknown)
        clauses.append(f"unknown key{'s' * (len(unknown) > 1)} {named}")
    if missing:
        named = ", ".join(place.path for place in missing)
        many = len(missing) > 1
        clauses.append(f"key{'s' * many} {named} {'are' if many else 'is'} missing")
    if unknown:
        clauses.append(f"allowed keys: {', '.join(allowed)}")
    return "; ".join(clauses) + "."


def _with_hint(unknown: _Place, allowed: Sequence[str]) -> str:
    """Returns the path of an unknown key, with an allowed one that is much like it."""
    close = difflib.get_close_matches(unknown.key, allowed, n=1)
    return f"{unknown.path} (did you mean {close[0]}?)" if close else unknown.path


def _place(
    cls: type[Config], data: Mapping[str, Any], keys: Sequence[str | int]
) -> _Place:
    """Follows the keys by which pydantic says where an error is."""
    owner: type = cls
    field_type: Any = cls
    value: Any = data
    where = ""
    for key in keys:
        if key == "__root__":
            continue
        arm = _subclass_named(key) if isinstance(key, str) else None
        if arm and not (isinstance(value, Mapping) and key in value):
            field_type = arm  # pydantic puts in the class of a union's chosen arm
            continue
        if isinstance(key, int):
            where += f"[{key}]"
        else:
            where += f".{key}" if where else key
            owner = field_type
            fields = getattr(owner, "__fields__", {})
            field_type = fields[key].type_ if key in fields else None
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            value = getattr(value, str(key), None)
    return _Place(where, where.rpartition(".")[2], value, owner)


def _subclass_named(name: str, base: type = Config) -> type | None:
    subclass: type
    for subclass in base.__subclasses__():
        if subclass.__name__ == name:
            return subclass
        if match := _subclass_named(name, subclass):
            return match
    return None
