"""Poses of section 3.2's embedded hands: counts, signs and grasps, blended, with correlated fingers.

Named postures follow everyday counts and signs and the grasps of Feix et al. 2016. Deviations from them share a
factor across fingers and fade with the distance between them (Santello, Flanders & Soechting 1998: two synergies
explain four fifths of hand posture), and the last hinge follows the one before it at two thirds.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.datasets.hands.skeleton import ANGLES, limited, rotation

Finger = tuple[float, float]  # flexion at knuckle and middle hinge, degrees
STRAIGHT, RELAXED, BENT, FIST, HOOK = (0, 4), (18, 25), (50, 60), (78, 95), (8, 85)
OUT, ALONG, ACROSS, OPPOSED, UP = (8, -12, 2, 4), (5, 8, 8, 10), (26, 32, 38, 40), (38, 26, 24, 30), (-8, -18, 0, 0)

# thumb, fingers from index to pinky, spread of the fingers in degrees
POSTURES: dict[str, tuple[tuple[float, ...], tuple[Finger, ...], float]] = {
    "count 0": (ACROSS, (FIST, FIST, FIST, FIST), 0),
    "count 1": (ACROSS, (STRAIGHT, FIST, FIST, FIST), 0),
    "count 2": (ACROSS, (STRAIGHT, STRAIGHT, FIST, FIST), 9),
    "count 3": (ACROSS, (STRAIGHT, STRAIGHT, STRAIGHT, FIST), 7),
    "count 3, thumb": (OUT, (STRAIGHT, STRAIGHT, FIST, FIST), 8),
    "count 4": (ACROSS, (STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), 7),
    "count 5": (OUT, (STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), 9),
    "flat": (ALONG, (STRAIGHT, STRAIGHT, STRAIGHT, STRAIGHT), 0),
    "rest": (ALONG, (RELAXED, RELAXED, RELAXED, RELAXED), 3),
    "gun": (UP, (STRAIGHT, FIST, FIST, FIST), 0),
    "thumb up": (UP, (FIST, FIST, FIST, FIST), 0),
    "call": (UP, (FIST, FIST, FIST, STRAIGHT), 4),
    "horns": (ACROSS, (STRAIGHT, FIST, FIST, STRAIGHT), 5),
    "ring": (OPPOSED, ((48, 58), (12, 15), (6, 8), (2, 5)), 6),
    "letter C": (OPPOSED, ((35, 42), (35, 42), (35, 42), (35, 42)), 0),
    "cylinder": (OPPOSED, ((52, 50), (55, 55), (58, 58), (60, 60)), 0),
    "ball": (OPPOSED, ((32, 35), (30, 38), (30, 38), (32, 35)), 11),
    "tripod": (OPPOSED, ((46, 40), (50, 42), (60, 70), (66, 78)), 0),
    "pinch": (OPPOSED, ((52, 42), (60, 72), (64, 78), (66, 80)), 0),
    "key": ((6, 22, 15, 25), ((45, 75), (55, 80), (60, 82), (64, 84)), 0),
    "hook": (ALONG, (HOOK, HOOK, HOOK, HOOK), 0),
    "claw": (OUT, ((5, 62), (5, 65), (5, 65), (5, 62)), 9),
}
SPREAD = np.array([1.0, 0.1, -0.7, -1.7])  # of the fingers from index to pinky, towards the thumb

NEIGHBOURS = 0.65  # correlation of neighbouring fingers' deviations
DEVIATION = (9.0, 11.0, 3.0, 3.0)  # degrees: knuckle, middle hinge, last hinge's own, abduction
THUMB_DEVIATION = (6.0, 7.0, 7.0, 9.0)
WRIST_DEVIATION = (14.0, 8.0)

# Attitude: yaw about the forearm, tilt of the fingers towards the camera, roll about the optical axis; mean, sd, bound.
ATTITUDE = np.array([(0, 28, 70), (16, 20, 60), (0, 28, 90)], float)
NEAR, FAR = 620.0, 1050.0  # mm, palm to camera; NYU's test frames lie between 650 and 1107
SIDES = (0.0, 45.0, -45.0)  # degrees: where NYU's three cameras stand around the hand
ACROSS_FIELD = (0.20, 0.14)  # palm's x / z and y / z at most: half of the frame's


@dataclass(frozen=True)
class Poses:
    """N poses: angles (N, ANGLES) in degrees, rotations (N, 3, 3) of the hand frame, palms (N, 3) in mm."""

    angles: np.ndarray
    rotations: np.ndarray
    palms: np.ndarray

    def place(self, points: np.ndarray) -> np.ndarray:
        """Hand frame (N, K, 3) -> camera frame."""
        return points @ np.swapaxes(self.rotations, 1, 2) + self.palms[:, None]

    def first(self, count: int) -> "Poses":
        return Poses(self.angles[:count], self.rotations[:count], self.palms[:count])

    def seen(self, view: int) -> "Poses":
        """The same poses from view 0, 1 or 2 (SIDES), in that camera's frame."""
        turn = rotation(1, np.array(SIDES[view]))
        pivot = np.array([0, 0, (NEAR + FAR) / 2])
        return Poses(self.angles, turn @ self.rotations, (self.palms - pivot) @ turn.T + pivot)


def postures() -> np.ndarray:
    """(P, ANGLES) of POSTURES, in their order."""
    table = np.zeros((len(POSTURES), ANGLES))
    for row, (thumb, fingers, spread) in zip(table, POSTURES.values(), strict=True):
        row[:4] = thumb
        bends = np.array(fingers)
        row[4:20] = np.stack([spread * SPREAD, bends[:, 0], bends[:, 1], bends[:, 1] * 2 / 3], axis=1).ravel()
    return limited(table)


def independent(count: int, rng: np.random.Generator) -> Poses:
    """Poses that know nothing of each other."""
    return _pose(*_draw(count, rng))


def sequence(count: int, rng: np.random.Generator, every: int = 16) -> Poses:
    """Successive frames: they ease through poses drawn as `independent` draws them, one each `every` frames."""
    keys = np.concatenate(_draw(-(-count // every) + 1, rng), axis=1)
    time = np.arange(count) / every
    start, part = time.astype(int), (time % 1)[:, None]
    ease = part * part * (3 - 2 * part)
    state = keys[start] * (1 - ease) + keys[start + 1] * ease
    return _pose(*np.split(state, [ANGLES, ANGLES + 3], axis=1))


def _draw(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles (N, ANGLES), attitude (N, 3) in degrees, place (N, 3): x / z, y / z, z."""
    table = postures()
    first, second = table[rng.integers(len(table), size=(2, count))]
    share = rng.beta(0.4, 0.4, size=(count, 1))
    angles = share * first + (1 - share) * second + _deviations(count, rng)
    mean, sd, bound = ATTITUDE.T
    attitude = np.clip(mean + sd * rng.standard_normal((count, 3)), -bound, bound)
    across = np.array(ACROSS_FIELD) * rng.uniform(-1, 1, (count, 2))
    return limited(angles), attitude, np.concatenate([across, rng.uniform(NEAR, FAR, (count, 1))], axis=1)


def _deviations(count: int, rng: np.random.Generator) -> np.ndarray:
    gaps = np.abs(np.arange(4)[:, None] - np.arange(4))
    mixing = np.linalg.cholesky(NEIGHBOURS**gaps)
    knuckle, hinge, own, aside = (mixing @ rng.standard_normal((4, count, 4, 1)))[..., 0]
    hinge = 0.6 * knuckle + 0.8 * hinge
    scaled = (DEVIATION[3] * aside, DEVIATION[0] * knuckle, DEVIATION[1] * hinge)
    fingers = np.stack([*scaled, scaled[2] * 2 / 3 + DEVIATION[2] * own], axis=-1)
    thumb = np.array(THUMB_DEVIATION) * rng.standard_normal((count, 4))
    wrist = np.array(WRIST_DEVIATION) * rng.standard_normal((count, 2))
    return np.concatenate([thumb, fingers.reshape(count, 16), wrist], axis=1)


def _pose(angles: np.ndarray, attitude: np.ndarray, place: np.ndarray) -> Poses:
    yaw, tilt, roll = attitude.T
    rotations = rotation(2, roll) @ rotation(0, tilt) @ rotation(1, yaw)
    palms = np.concatenate([place[:, :2] * place[:, 2:], place[:, 2:]], axis=1)
    return Poses(limited(angles), rotations, palms)
