"""The names of an exported model's signatures, inputs, outputs and assets."""

from __future__ import annotations

MODEL_NAME = "kinescribe"  # by which a server knows it

# Signatures.
CAPTION_EXAMPLES_SIGNATURE = "caption_examples"
CAPTION_SIGNATURE = "caption"
CAPTION_FIRST_PASS_SIGNATURE = "caption_first_pass"  # of models with two passes
CAPTION_FRAMES_SIGNATURE = "caption_frames"  # of models that were exported with it
FEATURE_SPEC_SIGNATURE = "feature_spec"

# Inputs, besides the features and the hash of their specification.
EXAMPLES = "examples"
FRAMES = "frames"  # pictures of the key frames
REQUEST = "request"

# Outputs.
CAPTION = "caption"
CAPTIONS = "captions"
LOG_PROBS = "log_probs"
WORD_LOG_PROBS = "word_log_probs"
WORDS = "words"
ATTENTION = "attention_"  # a prefix
SPEC_JSON = "spec_json"
VOCABULARY_DIGEST = "vocabulary_digest"
VARIANT_JSON = "variant_json"
ATTENTION_JSON = "attention_json"

# Assets.
# What decides an export beside its weights: the search, the precision, the tokenizer.
EXPORT_SETTINGS = "assets.extra/export.json"
VOCABULARY_ASSET = "vocabulary.txt"
SPEC_ASSET = "feature_spec.json"


def mask_name(feature: str) -> str:
    """Returns the name of the input that masks a feature's steps."""
    return f"{feature}_mask"
