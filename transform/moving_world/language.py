"""Writes sentences that people might write about a scene: varied, never false.

A reference is drawn from a grammar: which events are told and in what order, in which
voice and tense, how each thing is named and how much of its looks is said, whether
background and camera are mentioned. The commoner wordings are commoner here too, so
that references of one clip agree about as well as people do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transform.moving_world.scenes import (
    Event,
    Fixed,
    Pan,
    Relation,
    Scene,
    Shot,
    Thing,
)

Choice = Mapping[str, float]  # wording → how common it is

NOUNS: Mapping[str, Choice] = {
    "circle": {"circle": 6, "ball": 4},
    "square": {"square": 8, "box": 2},
    "triangle": {"triangle": 1},
    "star": {"star": 1},
    "cross": {"cross": 8, "plus sign": 2},
    "diamond": {"diamond": 1},
}
SIZE_WORDS: Mapping[str, Choice] = {
    "small": {"small": 8, "little": 2},
    "large": {"large": 5, "big": 5},
}
TEXTURE_WORDS: Mapping[str, Choice] = {
    "plain": {"plain": 1},
    "striped": {"striped": 1},
    "dotted": {"dotted": 7, "spotted": 3},
    "checkered": {"checkered": 1},
}
TEXTURE_TAILS: Mapping[str, Choice] = {
    "striped": {"with stripes": 1},
    "dotted": {"with dots": 7, "with spots": 3},
    "checkered": {"with a checkered pattern": 1},
}


class Verb(NamedTuple):
    """One wording of a verb in the forms that sentences need."""

    third: str  # rolls
    gerund: str  # rolling
    weight: float = 1.0


VERBS: Mapping[str, tuple[Verb, ...]] = {
    "roll": (Verb("rolls", "rolling", 8), Verb("moves", "moving", 2)),
    "slide": (
        Verb("slides", "sliding", 5),
        Verb("moves", "moving", 5),
    ),
    "stop": (Verb("moves", "moving"),),
    "bounce": (
        Verb("bounces", "bouncing", 6),
        Verb("bounces up and down", "bouncing up and down", 4),
    ),
    "jump": (
        Verb("jumps", "jumping", 7),
        Verb("hops", "hopping", 3),
    ),
    "circle": (
        Verb("moves in a circle", "moving in a circle", 6),
        Verb("goes around in circles", "going around in circles", 4),
    ),
    "grow": (
        Verb("grows", "growing", 4),
        Verb("gets bigger", "getting bigger", 5),
        Verb("becomes larger", "becoming larger", 1),
    ),
    "shrink": (
        Verb("shrinks", "shrinking", 4),
        Verb("gets smaller", "getting smaller", 5),
        Verb("becomes smaller", "becoming smaller", 1),
    ),
    "spin": (
        Verb("spins", "spinning", 6),
        Verb("rotates", "rotating", 2),
        Verb("spins around", "spinning around", 2),
    ),
    "split": (
        Verb("splits into two", "splitting into two", 7),
        Verb("breaks in two", "breaking in two", 3),
    ),
    "stay": (
        Verb("stays still", "standing still", 7),
        Verb("does not move", "not moving", 3),
    ),
    "chase": (
        Verb("chases", "chasing", 7),
        Verb("follows", "following", 3),
    ),
    "hit": (
        Verb("hits", "hitting", 6),
        Verb("bumps into", "bumping into", 4),
    ),
    "collide": (
        Verb("collides with", "colliding with", 6),
        Verb("crashes into", "crashing into", 4),
    ),
    "orbit": (
        Verb("circles around", "circling around", 6),
        Verb("moves around", "moving around", 4),
    ),
    "approach": (
        Verb("moves over to", "moving over to", 6),
        Verb("goes to", "going to", 4),
    ),
}
PASSIVE: Mapping[str, Choice] = {
    "chase": {"is chased by": 6, "is being chased by": 4},
    "hit": {"is hit by": 8, "gets hit by": 2},
    "orbit": {"is circled by": 1},
}
MUTUAL: Choice = {  # "collide" with both things as its subject
    "collide": 6,
    "crash into each other": 2,
    "bump into each other": 2,
    "move towards each other and collide": 1,
}
DIRECTIONS: Mapping[str, Choice] = {
    "left": {"to the left": 7, "from right to left": 2, "left": 1},
    "right": {"to the right": 7, "from left to right": 2, "right": 1},
    "up": {"up": 7, "upwards": 3},
    "down": {"down": 7, "downwards": 3},
}
PLACES: Mapping[str, Choice] = {
    "left of": {"to the left of": 8, "left of": 2},
    "right of": {"to the right of": 8, "right of": 2},
    "above": {"above": 1},
    "below": {"below": 6, "under": 4},
}
SIGNAL_CLAUSES: Mapping[str, Choice] = {
    "bell": {"while a bell rings": 5, "with a bell ringing": 5},
    "whistle": {"while a whistle blows": 5, "with a whistle blowing": 5},
    "drum": {"while a drum is beating": 5, "to the sound of a drum": 5},
    "horn": {"while a horn honks": 5, "with a horn honking": 5},
    "none": {"in silence": 6, "without any sound": 4},
}
TONE_WORDS: Mapping[str, Choice] = {
    "dark": {"dark": 1},
    "grey": {"gray": 6, "grey": 4},
    "beige": {"beige": 7, "brown": 3},
}
_STOPS: Choice = {"and stops": 5, "and then stops": 5}
_STOPPING: Choice = {"and stopping": 5, "and then stopping": 5}
_COUNTS = {2: "two", 3: "three", 4: "four"}
_RESIZED = ("grow", "shrink", "split")


class Style(NamedTuple):
    """The probability of telling each kind of detail."""

    colour: float = 0.94
    texture: float = 0.4  # where there is one
    plain: float = 0.0  # that there is none
    size: float = 0.12
    direction: float = 0.8
    background: float = 0.08
    camera: float = 0.6
    bystander: float = 0.7  # of a thing that merely stays where it is
    signal: float = 0.0


_STYLE = Style()
_STYLES: Mapping[str, Style] = {
    "motion": Style(bystander=0.5, background=0.0),
    "detail": Style(texture=0.97, plain=0.8, background=0.0),
    "entities": Style(size=0.0, background=0.0, texture=0.15),
    "sound": Style(signal=0.95, background=0.0),
}


def describe(scene: Scene, count: int) -> tuple[str, ...]:
    """Returns `count` references, lower case and without a full stop.

    They differ from each other as long as the grammar has another to give.
    """
    writer = _Writer(scene)
    sentences: list[str] = []
    attempts = 0
    while len(sentences) < count:
        attempts += 1
        sentence = writer.sentence()
        if sentence not in sentences or attempts > 20 * count:
            sentences.append(sentence)
    return tuple(sentences)


class _Writer:
    """Draws sentences about a scene, one after the other."""

    def __init__(self, scene: Scene):
        self.rng = scene.random("words")
        self.scene = scene
        self.style = _STYLES.get(scene.subset, _STYLE)
        self.shots = [shot for shot in scene.shots if shot.actors]

    def sentence(self) -> str:
        """Draws one reference sentence of the scene."""
        steps = self._steps()
        if len(steps) > 1:
            text = self._sequence(steps)
        else:
            ((shot, events),) = steps
            text = self._at_once(shot, events)
        return " ".join(f"{text} {self._adjunct()}".split())

    # ------------------------------------------------------------- sentences

    def _steps(self) -> list[tuple[Shot, list[Event]]]:
        """Returns the steps of events in order, each with its shot."""
        steps: dict[int, tuple[Shot, list[Event]]] = {}
        for shot in self.shots:
            for event in shot.events:
                steps.setdefault(event.step, (shot, []))[1].append(event)
        return [steps[step] for step in sorted(steps)]

    def _sequence(self, steps: Sequence[tuple[Shot, list[Event]]]) -> str:
        (shot_1, (one,)), (shot_2, (two,)) = steps
        first = self._clause(shot_1, one, progressive=False)
        second = self._clause(shot_2, two, progressive=False)
        return self._pick(
            {
                f"{first} and then {second}": 4,
                f"{first}, then {second}": 1,
                f"first {first}, then {second}": 2,
                f"{first} before {second}": 1,
                f"{second} after {first}": 1,
            }
        )

    def _at_once(self, shot: Shot, events: Sequence[Event]) -> str:
        still = [event for event in events if event.verb == "stay"]
        moving = [event for event in events if event.verb != "stay"]
        if not moving:
            return self._still_life(shot, still)
        if len(moving) > 1:
            return self._both(shot, moving)
        (event,) = moving
        if not still or not self._chance(self.style.bystander):
            return self._alone(shot, event)
        if len(still) > 1:
            return self._among(shot, event, still)
        progressive = self._chance(0.5)
        lead = self._clause(shot, event, progressive)
        (other,) = still
        return self._pick(
            {
                f"{lead} while {self._clause(shot, other, False)}": 6,
                f"{lead} next to {self._still_name(shot, other)}": 2,
                f"{lead} and {self._clause(shot, other, False)}": 2,
            }
        )

    def _alone(self, shot: Shot, event: Event) -> str:
        """Writes a sentence of one event."""
        if event.verb == "collide" and self._chance(0.5):
            return self._mutual(shot, event)
        if event.verb in PASSIVE and self._chance(0.2):
            return self._passive(shot, event)
        verb = self._verb(event)
        name = self._name(shot, event.subject, resized=event.verb in _RESIZED)
        finite = self._tail(shot, event)
        gerund = f"{verb.gerund} {self._tail(shot, event, _STOPPING)}"
        return self._pick(
            {
                f"{name} {verb.third} {finite}": 45,
                f"{name} is {verb.gerund} {finite}": 40,
                f"there is {_article(name)} {gerund}": 10,
                f"{name} {gerund}": 5,
            }
        )

    def _mutual(self, shot: Shot, event: Event) -> str:
        names = [self._name(shot, event.subject), self._name(shot, event.object)]
        self.rng.shuffle(names)
        return f"{' and '.join(names)} {self._pick(MUTUAL)}"

    def _passive(self, shot: Shot, event: Event) -> str:
        patient = self._name(shot, event.object)
        agent = self._name(shot, event.subject)
        way = self._direction(event) if event.verb == "chase" else ""
        return f"{patient} {self._pick(PASSIVE[event.verb])} {agent} {way}"

    def _both(self, shot: Shot, events: Sequence[Event]) -> str:
        """Writes a sentence of two things that each do something."""
        events = list(events)
        if self._chance(0.25):
            events.reverse()
        progressive = self._chance(0.4)
        first, second = (self._clause(shot, event, progressive) for event in events)
        return self._pick({f"{first} and {second}": 5, f"{first} while {second}": 5})

    def _among(self, shot: Shot, event: Event, still: Sequence[Event]) -> str:
        """Writes a sentence of the one thing that moves among several."""
        lead = self._clause(shot, event, self._chance(0.5))
        others = f"{_COUNTS[len(still)]} other shapes"
        return self._pick(
            {
                f"{lead} while the other shapes stay still": 5,
                f"{lead} while the others do not move": 2,
                f"{lead} while {others} stay still": 3,
            }
        )

    def _still_life(self, shot: Shot, still: Sequence[Event]) -> str:
        if shot.relations:
            return self._layout(shot)
        if len(still) == 1:
            return self._alone(shot, still[0])
        raise ValueError(f"nothing to tell about {self.scene}")

    def _layout(self, shot: Shot) -> str:
        """Writes a sentence of the places of things that do not move."""
        rarer = [1] * (len(shot.relations) - 1)  # most people look at the same one
        relation = self.rng.choices(shot.relations, [1 + len(rarer), *rarer])[0]
        subject = self._name(shot, relation.subject)
        phrase = self._relative(shot, relation)
        further = [
            other
            for other in shot.relations
            if other.subject == relation.subject and other.object != relation.object
        ]
        if further and self._chance(0.4):
            phrase += " and " + self._relative(shot, self.rng.choice(further))
        return self._pick(
            {
                f"{subject} is {phrase}": 6,
                f"there is {_article(subject)} {phrase}": 3,
                f"{subject} {phrase}": 1,
            }
        )

    # --------------------------------------------------------------- phrases

    def _clause(self, shot: Shot, event: Event, progressive: bool) -> str:
        """Writes a clause: subject, verb and complement."""
        verb = self._verb(event)
        name = self._name(shot, event.subject, resized=event.verb in _RESIZED)
        form = f"is {verb.gerund}" if progressive else verb.third
        return f"{name} {form} {self._tail(shot, event)}".strip()

    def _tail(self, shot: Shot, event: Event, end: Choice = _STOPS) -> str:
        """Writes the object or the direction; for a stop, its end."""
        if event.verb == "stop":
            return f"{self._direction(event)} {self._pick(end)}"
        if event.object >= 0:
            name = self._name(shot, event.object)
            if event.verb == "approach":
                name = self._pointed_out(shot, event)
            way = self._direction(event) if event.verb == "chase" else ""
            return f"{name} {way}"
        return self._direction(event)

    def _pointed_out(self, shot: Shot, event: Event) -> str:
        """Names the goal of a movement, at times by its place."""
        name = self._name(shot, event.object)
        known = [
            relation
            for relation in shot.relations
            if relation.subject == event.object and relation.object != event.subject
        ]
        if known and self._chance(0.3):
            return f"{name} {self._relative(shot, self.rng.choice(known))}"
        return name

    def _relative(self, shot: Shot, relation: Relation) -> str:
        place = self._pick(PLACES[relation.place])
        return f"{place} {self._name(shot, relation.object)}"

    def _direction(self, event: Event) -> str:
        if not event.direction or not self._chance(self.style.direction):
            return ""
        return self._pick(DIRECTIONS[event.direction])

    def _still_name(self, shot: Shot, event: Event) -> str:
        """Names a thing that does not move: a still blue square."""
        _, _, rest = self._name(shot, event.subject).partition(" ")
        return f"a still {rest}"

    def _name(self, shot: Shot, index: int, resized: bool = False) -> str:
        """Writes a noun phrase: the small red striped ball."""
        thing = shot.actors[index].thing
        words = [self._pick(NOUNS[thing.shape])]
        texture, tail = self._texture(thing)
        if self._chance(self.style.colour):
            words = [thing.colour, *words]
        if texture:
            words = [texture, *words]
        if not resized and self._chance(self.style.size):
            words = [self._pick(SIZE_WORDS[thing.size]), *words]
        phrase = " ".join([*words, tail]).strip()
        if self._chance(0.12):
            return f"the {phrase}"
        return _article(f"a {phrase}")

    def _texture(self, thing: Thing) -> tuple[str, str]:
        """Writes a texture as an adjective, as a tail, or not at all."""
        plain = thing.texture == "plain"
        if not self._chance(self.style.plain if plain else self.style.texture):
            return "", ""
        if not plain and self._chance(0.3):
            return "", self._pick(TEXTURE_TAILS[thing.texture])
        return self._pick(TEXTURE_WORDS[thing.texture]), ""

    def _adjunct(self) -> str:
        """Writes what is said of sound, camera and background."""
        if self._chance(self.style.signal):
            return self._pick(SIGNAL_CLAUSES[self.scene.sound])
        shot = self.shots[0]
        if not isinstance(shot.camera, Fixed) and self._chance(self.style.camera):
            if isinstance(shot.camera, Pan):
                way = self._pick({f"to the {shot.camera.direction}": 7, "": 3})
                return f"as the camera pans {way}"
            return self._pick(
                {"while the camera shakes": 6, "as the camera is shaking": 4}
            )
        if len(self.shots) > 1 or not self._chance(self.style.background):
            return ""
        if shot.background.pattern == "clutter" and self._chance(0.5):
            return "on a cluttered background"
        tone = self._pick(TONE_WORDS[shot.background.tone])
        return f"on a {tone} background"

    def _verb(self, event: Event) -> Verb:
        options = VERBS[event.verb]
        return self.rng.choices(options, [option.weight for option in options])[0]

    def _pick(self, choice: Choice) -> str:
        return self.rng.choices(tuple(choice), tuple(choice.values()))[0]

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability


def _article(name: str) -> str:
    """Returns a noun phrase with its indefinite article: an orange ball."""
    _, _, rest = name.partition(" ")
    return f"an {rest}" if rest[0] in "aeiou" else f"a {rest}"
