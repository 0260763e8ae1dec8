"""Writes `docs/api.md`: the public names of `import kinescribe`, from their docstrings.

python -m tools.api_page > docs/api.md
"""

from __future__ import annotations

import inspect
import re
import types
from typing import Any

import kinescribe
from tools import configuration_page
from transform.common.config import Config

_HEAD = """# Python interface

`import kinescribe` costs nothing; a name is imported when it is first used. Made by
`python -m tools.api_page > docs/api.md`; a test keeps it current.

    import kinescribe

    model = kinescribe.load_model("demo/pushed")
    print(model.caption_file("clip.mp4").caption)

[`examples/`](../examples) has programs that train a model, caption a folder and add an
encoder. Settings are listed in [Configuration](configuration.md).
"""


def page() -> str:
    """Returns the whole page as Markdown."""
    return "\n".join([_HEAD, *(_entry(name) for name in sorted(kinescribe.__all__))])


def _entry(name: str) -> str:
    value = getattr(kinescribe, name)
    lines = [f"## {name}", ""]
    if isinstance(value, types.ModuleType):
        lines += [inspect.cleandoc(value.__doc__ or ""), ""]
        for public in getattr(value, "__all__", ()):
            lines += [f"- `{public}`: {_first(getattr(value, public))}"]
        return "\n".join([*lines, ""])
    path = f"{value.__module__}.{value.__qualname__}"
    settings = inspect.isclass(value) and issubclass(value, Config)
    lines += [f"`{path}`" if settings else f"`{path}{_signature(value)}`", ""]
    lines += [_text(value), ""]
    if settings:
        page = configuration_page.anchor(value)
        lines += [f"Its fields: [Configuration](configuration.md#{page}).", ""]
    if inspect.isclass(value):
        lines += [
            f"- `{method}{_signature(function)}`: {_first(function)}"
            for method, function in _methods(value)
        ]
        lines.append("")
    return "\n".join(lines)


def _methods(cls: type) -> list[tuple[str, Any]]:
    own = [
        base
        for base in cls.__mro__
        if base.__module__.split(".")[0]
        in ("kinescribe", "serving", "keras_models", "transform", "pipeline")
        and base.__name__ != "Config"
    ]
    found: dict[str, Any] = {}
    for base in reversed(own):
        for name, value in vars(base).items():
            if name.startswith("_") or name == "call":
                continue
            if isinstance(value, classmethod | staticmethod):
                value = value.__func__
            if inspect.isfunction(value) and value.__doc__:
                found[name] = value
    return sorted(found.items())


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"\b(?:[a-z_]\w*\.)+([A-Z]\w*)", r"\1", text).replace("'", "")
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    return text if len(text) < 400 else "(…)"


def _first(value: Any) -> str:
    return " ".join(inspect.cleandoc(value.__doc__ or "").split("\n\n")[0].split())


def _text(value: Any) -> str:
    text = inspect.cleandoc(value.__doc__ or "")
    text = re.sub(r"^(Args|Returns|Raises|Notes):$", r"**\1**\n", text, flags=re.M)
    return re.sub(r"^    (\S+):", r"- `\1`:", text, flags=re.M)


if __name__ == "__main__":
    print(page(), end="")
