import subprocess

import pytest

from serving.pushing import provenance


@pytest.fixture
def checkout(tmp_path):
    """A repository of one commit."""

    def git(*arguments):
        done = subprocess.run(
            [
                "git",
                "-C",
                tmp_path,
                "-c",
                "user.name=a",
                "-c",
                "user.email=b",
                *arguments,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "code.py").write_text("one")
    git("add", "code.py")
    git("commit", "-qm", "One")
    return tmp_path, git("rev-parse", "HEAD")


def test_code_is_the_commit_and_whether_files_differ(checkout):
    folder, revision = checkout
    assert provenance.code.__wrapped__(folder) == (revision, False)
    (folder / "beside.txt").write_text("no code")
    assert provenance.code.__wrapped__(folder) == (revision, False)
    (folder / "code.py").write_text("two")
    assert provenance.code.__wrapped__(folder) == (revision, True)


def test_without_a_checkout_the_revision_is_what_the_image_says(tmp_path, monkeypatch):
    monkeypatch.delenv(provenance.REVISION_VARIABLE, raising=False)
    assert provenance.code.__wrapped__(tmp_path) == ("", None)
    monkeypatch.setenv(provenance.REVISION_VARIABLE, "abc")
    assert provenance.code.__wrapped__(tmp_path) == ("abc", None)
    (tmp_path / ".git").mkdir()  # that git does not take for one
    assert provenance.code.__wrapped__(tmp_path) == ("abc", None)


def test_an_artifact_is_named_by_where_it_lies_not_by_its_copy(monkeypatch):
    monkeypatch.delenv(provenance.ARTIFACTS_VARIABLE, raising=False)
    assert provenance.artifact("/runs/a/model") == "/runs/a/model"
    monkeypatch.setenv(
        provenance.ARTIFACTS_VARIABLE, '{"/minio/b/model": "minio://b/model"}'
    )
    assert provenance.artifact("/minio/b/model") == "minio://b/model"
    assert provenance.artifact("/runs/a/model") == "/runs/a/model"
