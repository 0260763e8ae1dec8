"""The gateway answers real uploads as the command line would, and survives bad ones."""

import contextlib
import errno
import io
import math
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time
import zlib

import numpy as np
import pytest
import requests
from PIL import Image

from serving.client.local_model import LocalModel
from serving.web import uploads
from serving.web.config import WebConfig
from serving.web.gateway import Gateway
from tests.support import clips
from tests.support.leaks import no_leak
from transform.common.errors import KinescribeError
from transform.video import reader
from transform.video.video_info import DecodeError


@pytest.fixture(scope="session")
def model(exported) -> LocalModel:
    return LocalModel(exported)


def png_bomb(path: pathlib.Path, width: int, height: int, rows: int) -> pathlib.Path:
    """A small file that says it is a large picture, and unpacks to one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    packer = zlib.compressobj(1)
    rows = [packer.compress(bytes(3 * width + 1)) for _ in range(rows)]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", b"".join(rows) + packer.flush())
        + chunk(b"IEND", b"")
    )
    return path


def wait_for(claim, seconds=300):
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def test_a_gateway_that_cannot_begin_leaves_nothing_open(tmp_path):
    absent = {"server": "127.0.0.1:9", "port": 0, "token_file": str(tmp_path / "a")}
    gateways = []
    with no_leak():
        for _ in range(5):
            gateways.append(Gateway(WebConfig.from_dict(absent)))
            with pytest.raises(KinescribeError), gateways[-1]:
                pass


def test_a_clip_has_the_captions_that_the_model_gives_in_process(site, model, clip):
    answer = site.send(clip, top_k=2, attention=True)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    expected = model.caption_file(clip)
    (segment,) = body["segments"]
    assert [each["caption"] for each in segment["captions"]] == [*expected.captions]
    for caption, log_prob, words, chances in zip(
        segment["captions"],
        expected.log_probs,
        expected.words,
        expected.word_probabilities,
        strict=True,
    ):
        assert caption["log_prob"] == pytest.approx(log_prob, rel=1e-4)
        assert [each["word"] for each in caption["words"]] == [*words]
        given = [each["probability"] for each in caption["words"]]
        assert given == pytest.approx(chances, rel=1e-3)
        assert math.prod(given) >= caption["probability"] - 1e-6  # without the end
    assert (segment["start"], segment["end"]) == (0, pytest.approx(2))
    assert (body["width"], body["height"]) == (64, 48)
    temporal = segment["attention"]["temporal"]
    np.testing.assert_allclose(
        temporal["weights"],
        expected.attention["temporal"][0, : len(expected.words[0])],
        atol=1e-3,
    )
    assert temporal["axes"] == ["word", "step"] and len(temporal["spans"]) == 4
    spatial = segment["attention"]["spatial"]
    assert np.shape(spatial["weights"]) == (4, 4)
    assert (spatial["grid"]["rows"], spatial["grid"]["columns"]) == (2, 2)
    assert len(segment["flow"]) == 4 and segment["frames"]
    url = f"{site.gateway.url}captions"
    raw = site.ended(requests.post(url, data=clip.read_bytes(), timeout=120)).json()
    assert raw["segments"][0]["captions"][0] == segment["captions"][0]
    assert raw["segments"][0]["attention"] == {} and raw["clip"] == "the file"


def test_segments_are_a_job_with_progress_and_a_result_in_every_form(site, model, film):
    answer = site.send(film, segments=2, wait=0)
    assert answer.status_code == 202
    job = answer.headers["location"]
    assert answer.json()["status"] in ("waiting", "running")
    wait_for(lambda: site.get(job).json()["status"] == "done")
    assert site.get(job).json()["done"] == site.get(job).json()["total"] == 3
    segments = site.get(f"{job}/result").json()["segments"]
    assert [each["start"] for each in segments] == [0, 2, 4]
    captions = [model.caption_file(film, at, at + 2).caption for at in (0, 2, 4)]
    assert [each["captions"][0]["caption"] for each in segments] == captions
    vtt = site.get(f"{job}/result", format="vtt")
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n")
    srt = site.get(f"{job}/result", format="srt").text
    assert srt.startswith("1\n00:00:00,000 --> 00:00:02,000\n")
    assert site.get(f"{job}/result", format="txt").text.split("\n")[:3] == captions
    assert requests.delete(site.gateway.url + job[1:], timeout=20).status_code == 204
    assert site.get(job).status_code == 404
    scenes = site.send(film, segments="scenes").json()["segments"]
    assert [round(each["start"], 1) for each in scenes] == [0, 2, 4]


def test_a_photograph_is_captioned_as_one_frame(site, model, tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (40, 30), "red").save(path)
    body = site.send(path).json()
    assert body["media_type"] == "image/png"
    (segment,) = body["segments"]
    assert segment["captions"][0]["caption"] == model.caption_file(path).caption
    assert segment["end"] is None


def test_the_versions_of_the_server_can_be_chosen(site, clip):
    models = site.get("models").json()["models"]
    assert models == [{"name": "kinescribe", "versions": [2, 1], "error": ""}]
    assert site.send(clip, version=1).json()["model"]["version"] == 1
    missing = site.send(clip, version=9)
    assert missing.status_code == 404 and "9" in missing.json()["error"]
    assert site.send(clip, model="other").status_code == 404


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_a_broken_file_gets_the_sentence_of_inspect(site, clip, tmp_path, share):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes())
    clips.truncate(broken, share)
    answer = site.send(broken)
    reason = reader.inspect(broken).reason
    assert answer.status_code == 422
    assert answer.json()["error"] == str(DecodeError("broken.mp4", reason))
    assert site.uploads() == []


def test_what_is_no_media_is_refused_by_its_first_bytes(site, broken_clip, tmp_path):
    answer = site.send(broken_clip)
    assert answer.status_code == 415 and "broken.mp4" in answer.json()["error"]
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    assert site.send(playlist).status_code == 415
    url = f"{site.gateway.url}captions"
    assert requests.post(url, timeout=20).status_code == 400
    packed = {"content-encoding": "gzip"}
    answer = requests.post(url, data=b"x" * 99, headers=packed, timeout=20)
    assert answer.status_code == 415
    headers = {"content-type": "multipart/form-data; boundary=a"}
    cut = b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\n\xff\xd8\xff'
    answer = requests.post(url, data=cut, headers=headers, timeout=20)
    assert answer.status_code == 400 and "Traceback" not in answer.text
    assert site.uploads() == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"segments": "shots"}, "scenes, or a number of seconds"),
        ({"top_k": 0}, "top_k"),
        ({"format": "pdf"}, "format"),
        ({"version": -1}, "version"),
        ({"start": 1, "end": 0.5}, "before it begins"),
    ],
)
def test_a_wrong_wish_is_said_in_a_sentence(site, clip, query, sentence):
    answer = site.send(clip, **query)
    assert answer.status_code in (400, 422)
    assert sentence in answer.json()["error"]


def test_bombs_cost_their_sender_the_answer_and_nobody_else(site, clip, tmp_path):
    assert site.send(clip).status_code == 200  # which starts the decoder
    large = tmp_path / "large.mp4"
    large.write_bytes(clip.read_bytes() + bytes(2**20))
    assert site.send(large).status_code == 413
    url = f"{site.gateway.url}captions"
    endless = (bytes(2**16) for _ in range(100))  # of no declared length
    with contextlib.suppress(requests.ConnectionError):  # if it hangs up before
        assert requests.post(url, data=endless, timeout=20).status_code == 413
    too_many = png_bomb(tmp_path / "pixels.png", 9000, 9000, rows=9)
    assert "too large" in site.send(too_many).json()["error"]
    hungry = site.send(png_bomb(tmp_path / "hungry.png", 7000, 7000, rows=7000))
    assert hungry.status_code == 422, hungry.text
    assert site.send(clip).status_code == 200
    assert site.uploads() == []


def test_a_sender_who_falls_silent_is_told_so(site):
    port = site.gateway.port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            b"POST /captions HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nab"
        )
        assert b" 408 " in connection.recv(100)
    assert site.uploads() == []


def decoder_of(parent: int) -> int:
    """The newest process that decodes."""
    text = subprocess.run(
        ["pgrep", "-n", "-P", str(parent), "-f", "decoder_main"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return int(text)


@pytest.mark.slow
def test_a_decoder_that_hangs_or_dies_is_replaced(model_server, open_site, clip):
    with open_site(model_server.address, limits={"clip_seconds": 20}) as site:
        assert site.send(clip).status_code == 200
        os.kill(decoder_of(os.getpid()), signal.SIGSTOP)
        answer = site.send(clip)
        assert answer.status_code == 422 and "longer" in answer.json()["error"]
        assert site.send(clip).status_code == 200
        os.kill(decoder_of(os.getpid()), signal.SIGKILL)
        assert site.send(clip).status_code == 422
        assert site.send(clip).status_code == 200
        assert site.uploads() == []


def test_more_jobs_than_allowed_are_refused_and_a_cancelled_one_makes_room(
    site, clip, film
):
    assert site.send(clip).status_code == 200
    os.kill(decoder_of(os.getpid()), signal.SIGSTOP)
    job = site.send(film, segments=1, wait=0).headers["location"]
    refused = site.send(clip, wait=0)
    assert refused.status_code == 429 and refused.headers["retry-after"]
    assert requests.delete(site.gateway.url + job[1:], timeout=20).status_code == 204
    wait_for(lambda: not site.uploads())
    assert site.send(clip).status_code == 200


def test_without_a_server_the_sentence_says_so(open_site, clip):
    with open_site("127.0.0.1:1") as site:
        answer = site.send(clip)
        assert answer.status_code == 503
        assert "no server answers at 127.0.0.1:1" in answer.json()["error"]
        assert "127.0.0.1:1" in site.get("models").json()["models"][0]["error"]
        assert site.uploads() == []


def test_a_token_is_asked_for_where_one_is_set(open_site, tmp_path):
    token = "a token of more than sixteen signs"
    (tmp_path / "token").write_text(token)
    with open_site("127.0.0.1:1", token_file=str(tmp_path / "token")) as site:
        assert site.get("models").status_code == 401
        assert site.get("/").status_code == 200  # the page holds nothing of anybody's
        headers = {"authorization": f"Bearer {token}"}
        url = f"{site.gateway.url}models"
        assert requests.get(url, headers=headers, timeout=20).status_code == 200


def test_the_interface_describes_itself(site):
    described = site.get("openapi.json").json()
    assert set(described["paths"]) == {
        "/captions",
        "/jobs/{job_id}",
        "/jobs/{job_id}/result",
        "/models",
    }
    post = described["paths"]["/captions"]["post"]
    assert set(post["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/octet-stream",
    }
    assert {"200", "202", "413", "415", "422", "429"} <= set(post["responses"])


def test_the_page_loads_nothing_from_elsewhere(site):
    page = site.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for route in ("/", "/page.css", "/page.js", "/attention.js", "/camera.js"):
        text = site.get(route).text
        assert "http://" not in text and "https://" not in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_the_next_upload_is_captioned(
    site, clip, monkeypatch, number
):
    def full(file, chunk):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(uploads._File, "write", full)
        answer = site.send(clip)
    assert answer.status_code == 507
    assert answer.json() == {"error": "there is no room for the file just now."}
    assert site.uploads() == []
    assert site.send(clip).status_code == 200


@pytest.fixture
def picture_bytes():
    file = io.BytesIO()
    Image.new("RGB", (32, 24), "blue").save(file, "JPEG")
    return file.getvalue()


def test_mutated_uploads_are_answered_in_sentences(site, clip, picture_bytes):
    check_mutations(site, [clip.read_bytes(), picture_bytes], count=12)


@pytest.mark.slow
def test_many_mutated_uploads_are_answered_in_sentences(site, clip, picture_bytes):
    originals = [clip.read_bytes(), picture_bytes]
    check_mutations(site, originals, count=12)
    with no_leak():
        check_mutations(site, originals, count=500)


def check_mutations(site, originals, count):
    random = np.random.default_rng(11)
    for number in range(count):
        data = bytearray(originals[number % len(originals)])
        for _ in range(random.integers(1, 20)):
            data[random.integers(len(data))] = random.integers(256)
        if number % 5 == 0:
            del data[random.integers(len(data)) :]
        answer = requests.post(
            f"{site.gateway.url}captions",
            params={"wait": 100, "segments": random.choice(["", "1", "scenes"])},
            data=bytes(data),
            timeout=120,
        )
        answer = site.ended(answer)
        assert answer.status_code in (200, 400, 415, 422), answer.text
        assert "Traceback" not in answer.text
    assert site.uploads() == []
