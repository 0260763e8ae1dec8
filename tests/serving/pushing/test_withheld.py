import shutil

import pytest

from serving.common.weights_digest import weights_digest
from serving.pushing import ledger, rollback, withheld
from serving.pushing.push import push
from tests.support.pushing import RECORD, write_model


@pytest.fixture
def place(tmp_path):
    """Two versions and the digest of the second one's weights."""
    folder = str(tmp_path / "pushed")
    for name in ("first", "second"):
        digest = weights_digest(write_model(tmp_path / name, name))
        record = RECORD.replace(weights_digest=digest)
        version = push(str(tmp_path / name), folder, record)
        ledger.record(folder, "pushed", version=version.version, weights_digest=digest)
    return folder, version, digest


def test_nothing_is_held_against_a_model_that_is_served_or_new(place):
    folder, _, digest = place
    assert withheld.reason(folder, digest) == ""
    assert withheld.reason(folder, "n" * 16) == ""


def test_a_rolled_back_model_is_withheld_until_it_is_forgiven(place):
    folder, version, digest = place
    rollback.roll_back(folder, "it repeats itself", by="Ada")
    said = withheld.reason(folder, digest)
    assert said.startswith(f"version {version.version} was rolled back at 2")
    assert said.endswith(" by Ada: it repeats itself.")
    rollback.forgive(folder, version.version, "a mistake")
    assert withheld.reason(folder, digest) == ""


def test_a_removed_model_is_withheld_with_the_command_that_forgives_it(place):
    folder, version, digest = place
    shutil.rmtree(version.folder)
    said = withheld.reason(folder, digest)
    assert f"`kinescribe rollback {folder} --forgive {version.version}`" in said
    rollback.forgive(folder, version.version, "by mistake")
    assert withheld.reason(folder, digest) == ""
