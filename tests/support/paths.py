"""Where things lie beside the tests."""

import pathlib

ROOT = pathlib.Path(__file__).parents[2]  # of the repository
SHARED = ROOT.parent / "shared" / "data"  # real material; tests of it skip without it
