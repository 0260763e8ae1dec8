"""For every test process: quiet frameworks, and temporary files among pytest's own."""

import gc
import os
import signal
import sys
import tempfile

import pytest

# Before the first import of them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

gc.set_threshold(10_000, 10, 10)  # as the command line has it: a sixteenth less time

# A job in a shell's background ignores interrupts, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def scratch(tmp_path_factory):
    """Where what processes leave behind, as those that are killed do, is swept up.

    What users have among their caches stands in the tests' Python environment.
    """
    folder = str(tmp_path_factory.mktemp("scratch"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("XDG_CACHE_HOME", os.path.join(sys.prefix, "caches"))
        yield


@pytest.fixture(autouse=True)
def settings_of_ours():
    """No test leaves one of our environment variables to those after it.

    With that of S3 a worker would end with the next command that a test runs in it.
    """
    before = _ours()
    yield
    assert _ours() == before


def _ours():
    return {k: v for k, v in os.environ.items() if k.startswith("KINESCRIBE_")}
