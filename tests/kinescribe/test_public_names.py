import subprocess
import sys

import pytest

import kinescribe


@pytest.mark.parametrize("name", kinescribe.__all__)
def test_every_public_name_is_there(name):
    assert getattr(kinescribe, name) is not None
    assert name in dir(kinescribe)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'captoner'"):
        kinescribe.captoner  # noqa: B018


def test_neither_the_package_nor_its_help_imports_a_framework():
    heavy = "tensorflow tfx apache_beam numpy cv2 av".split()
    code = (
        "import sys, kinescribe, kinescribe.cli\n"
        "sys.argv = ['kinescribe', '--help']\n"
        "try:\n    kinescribe.cli.main()\nexcept SystemExit as ended:\n"
        "    assert not ended.code\n"
        f"found = [name for name in {heavy} if name in sys.modules]\n"
        "sys.exit(', '.join(found) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "inspect" in done.stdout
