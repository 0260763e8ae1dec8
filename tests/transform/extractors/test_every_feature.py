import inspect
import pkgutil
import typing

import pytest

from transform.extractors.feature_extractor import FeatureExtractor
from transform.extractors.network_pass import NetworkPass
from transform.schema import Feature, Imported

KINDS = typing.get_args(typing.get_args(Feature)[0])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Imported])
def test_every_feature_names_the_class_that_computes_it(kind):
    found = pkgutil.resolve_name(kind.extractor)
    wanted = NetworkPass if found.__name__.endswith("Pass") else FeatureExtractor
    methods = [name for name in vars(wanted) if inspect.isfunction(vars(wanted)[name])]
    methods = [name for name in methods if not name.startswith("_")]
    assert "frame_requests" in methods
    assert all(callable(getattr(found, name)) for name in methods)
