"""Rows of a manifest, where only what became of a clip matters."""

from transform.records.manifest import ManifestRow


def row(video_id: str, split: str, status: str = "ok", reason: str = "") -> ManifestRow:
    """The row of a clip of nine frames, or of none if it failed."""
    frames = 0 if status == "failed" else 9
    return ManifestRow(
        video_id,
        f"{video_id}.mp4",
        split,
        status,
        reason,
        packets_lost=0,
        frames=frames,
        seconds=frames / 25,
        width=8,
        height=8,
        fps=25.0,
        audio="",
        clip_hash=f"hash of {video_id}",
        shard="",
    )
