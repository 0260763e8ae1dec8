"""References read back: whatever they say is true of their scene."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transform.moving_world import SUBSETS, describe, sample_scene
from transform.moving_world.scenes import Pan, Scene, Shake, Thing

COLOURS = "red|orange|yellow|green|blue|purple|white"
NOUNS = {
    "circle": "circle",
    "ball": "circle",
    "square": "square",
    "box": "square",
    "triangle": "triangle",
    "star": "star",
    "cross": "cross",
    "plus sign": "cross",
    "diamond": "diamond",
}
TEXTURES = {
    "plain": "plain",
    "striped": "striped",
    "with stripes": "striped",
    "dotted": "dotted",
    "spotted": "dotted",
    "with dots": "dotted",
    "with spots": "dotted",
    "checkered": "checkered",
    "with a checkered pattern": "checkered",
}
SIZES = {"small": "small", "little": "small", "large": "large", "big": "large"}
# The noun phrase; "a circle" in "moves in a circle" is none, so it is cut out before.
NAME = re.compile(
    rf"(?:a|an|the)( still)?(?: (?P<size>{'|'.join(SIZES)}))?"
    rf"(?: (?P<texture>plain|striped|dotted|spotted|checkered))?"
    rf"(?: (?P<colour>{COLOURS}))? (?P<noun>{'|'.join(NOUNS)})"
    rf"(?: (?P<tail>with (?:stripes|dots|spots|a checkered pattern)))?\b"
)
VERBS = {  # what is said → what may have happened
    r"roll(s|ing)": {"roll"},
    r"slid(es|ing)": {"slide"},
    r"mov(es|ing) LOOP|go(es|ing) LOOP": {"circle"},
    r"mov(es|ing) over to|go(es|ing) to": {"approach"},
    r"mov(es|ing) around|circl(es|ing) around|is circled by": {"orbit"},
    r"(not |does not )mov(e|ing)|stays still|standing still": {"stay"},
    r"(?<!not )mov(es|ing)(?! LOOP| over| around)": {"roll", "slide", "stop"},
    r"bounc(es|ing)": {"bounce"},
    r"(jump|hop)p?(s|ing)": {"jump"},
    r"(grow|gets bigger|getting bigger|(becomes|becoming) larger)": {"grow"},
    r"(shrink|gets smaller|getting smaller|(becomes|becoming) smaller)": {"shrink"},
    r"(spin|rotat)": {"spin"},
    r"(splits|splitting) into two|(breaks|breaking) in two": {"split"},
    r"chas(es|ing|ed)|follow(s|ing)": {"chase"},
    r"\bhit(s|ting)?\b|bump(s|ing) into": {"hit"},
    r"collid(e|es|ing)|crash(es|ing)? into|bump into each other": {"collide"},
}
DIRECTIONS = {
    r"to the left(?! of)|from right to left|\bleft(?! of| to)$": "left",
    r"to the right(?! of)|from left to right": "right",
    r"\bup\b(?! and down)|upwards": "up",
    r"(?<!up and )\bdown\b|downwards": "down",
}
SIGNALS = {"bell": "bell", "whistle": "whistle", "drum": "drum", "horn": "horn"}
TONES = {"dark": "dark", "gray": "grey", "grey": "grey", "beige": "beige"}
TONES["brown"] = "beige"

scenes = st.builds(sample_scene, st.integers(0, 10**9), st.sampled_from(tuple(SUBSETS)))


def readable(sentence: str) -> str:
    """The sentence with idioms that contain a thing's name replaced."""
    loops = r"(in a circle|around in circles)"
    return re.sub(loops, "LOOP", sentence)


def fits(match: re.Match, thing: Thing) -> bool:
    """Whether a noun phrase may mean a thing."""
    texture = match["texture"] or match["tail"]
    return (
        NOUNS[match["noun"]] == thing.shape
        and match["colour"] in (None, thing.colour)
        and (texture is None or TEXTURES[texture] == thing.texture)
        and (match["size"] is None or SIZES[match["size"]] == thing.size)
    )


def things(scene: Scene) -> list[Thing]:
    return [actor.thing for shot in scene.shots for actor in shot.actors]


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_every_thing_named_is_in_the_scene(scene):
    for sentence in describe(scene, 8):
        text = readable(sentence)
        names = list(NAME.finditer(text))
        assert names, sentence
        for match in names:
            assert any(fits(match, thing) for thing in things(scene)), sentence
        rest = NAME.sub("", text)  # no colour, shape or texture is left over
        rest = re.sub(r"on a \w+ background", "", rest)
        left = set(re.findall(r"\w+", rest)) & {
            *COLOURS.split("|"),
            *NOUNS,
            *TEXTURES,
        }
        assert not left, (sentence, left)


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_every_verb_happens_in_the_scene_and_to_the_thing_it_is_said_of(scene):
    told = [(shot, event) for shot in scene.shots for event in shot.events]
    for sentence in describe(scene, 8):
        text = readable(sentence).replace("move towards each other and", "")
        text, *others = re.split("(?<!each) other", text)
        assert not others or any(event.verb == "stay" for _, event in told)
        passive = re.search(r"\b(is|gets) (being )?\w+ by\b", text)
        names = list(NAME.finditer(text))
        for pattern, verbs in VERBS.items():
            for said in re.finditer(pattern, text):
                doers = [
                    shot.actors[index].thing
                    for shot, event in told
                    if event.verb in verbs
                    for index in (event.subject, event.object)
                    if (index == event.subject) != bool(passive)
                    or event.verb == "collide"
                ]
                before = [match for match in names if match.end() <= said.start()]
                assert any(fits(match, one) for match in before for one in doers), (
                    sentence,
                    pattern,
                )


@settings(max_examples=300, deadline=None)
@given(scenes)
def test_every_direction_is_that_of_an_event_or_a_relation(scene):
    ways = {event.direction for shot in scene.shots for event in shot.events}
    pans = {
        shot.camera.direction for shot in scene.shots if isinstance(shot.camera, Pan)
    }
    places = {relation.place for shot in scene.shots for relation in shot.relations}
    for sentence in describe(scene, 8):
        text, _, pan = sentence.partition("as the camera pans")
        assert not pan.strip() or pan.split()[-1] in pans
        for pattern, direction in DIRECTIONS.items():
            if re.search(pattern, text):
                assert direction in ways, sentence
        for place in ("left of", "right of", "above", "below"):
            if re.search(rf"\b{place}\b", text):
                assert place in places, sentence


@settings(max_examples=200, deadline=None)
@given(scenes)
def test_background_camera_and_sound_are_as_told(scene):
    shot = next(shot for shot in scene.shots if shot.actors)
    for sentence in describe(scene, 8):
        if found := re.search(r"on a (\w+) background", sentence):
            word = found[1]
            if word == "cluttered":
                assert shot.background.pattern == "clutter"
            else:
                assert TONES[word] == shot.background.tone
        if "camera" in sentence:
            assert isinstance(shot.camera, Shake if "shak" in sentence else Pan)
        for word, signal in SIGNALS.items():
            assert word not in sentence or scene.sound == signal
        if "silence" in sentence or "without any sound" in sentence:
            assert scene.sound == "none"


@settings(max_examples=100, deadline=None)
@given(scenes)
def test_order_words_follow_the_steps(scene):
    steps = sorted(
        (
            (event.step, shot.actors[event.subject].thing)
            for shot in scene.shots
            for event in shot.events
        ),
        key=lambda pair: pair[0],
    )
    if len({step for step, _ in steps}) == 1:
        return
    for sentence in describe(scene, 8):
        names = list(NAME.finditer(readable(sentence)))
        earlier, later = names if " after " not in sentence else reversed(names)
        assert fits(earlier, steps[0][1]) and fits(later, steps[-1][1]), sentence


@settings(max_examples=100, deadline=None)
@given(scenes, st.integers(5, 20))
def test_references_are_many_different_plain_sentences(scene, count):
    sentences = describe(scene, count)
    assert len(sentences) == count
    assert len(set(sentences)) >= 0.9 * count
    for sentence in sentences:
        assert re.fullmatch(r"[a-z,]+( [a-z,]+){2,}", sentence)
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", sentence), sentence
    assert sentences == describe(scene, count)
    assert sentences[:5] == describe(scene, 5)


@pytest.mark.parametrize("subset", SUBSETS)
def test_references_agree_with_each_other_and_not_with_another_clips(subset):
    def overlap(one: str, others: list[str]) -> float:
        pairs = set(itertools.pairwise(one.split()))
        known = {pair for other in others for pair in itertools.pairwise(other.split())}
        return len(pairs & known) / len(pairs)

    told = [describe(sample_scene(seed, subset), 10) for seed in range(0, 80, 2)]
    own = [overlap(words[0], words[1:]) for words in told]
    foreign = [
        overlap(words[0], other[1:]) for words, other in itertools.pairwise(told)
    ]
    assert sum(own) / len(own) > 0.75
    assert sum(foreign) / len(foreign) < 0.5 * sum(own) / len(own)
