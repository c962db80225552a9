"""The hand of section 3.2's embedded data: bones, joint limits, forward kinematics, NYU's 14 joints.

Coordinates are NYU's: x to image right, y up, z away from the camera, in mm. The hand frame of a right hand at rest
has its origin in the palm's centre, fingers along +y, thumb at +x, and the palm towards the camera (-z).

Lengths are the means of NYU's two persons, whose bones the published ground truth of the test frames (Tompson et al.
2014) shows to be rigid: palm to wrist points 81 and 67 mm, middle finger's tip to its second joint 57 and 48 mm.
Limits follow Lin, Wu & Huang, "Modeling the constraints of human hand motion" (2000).
"""

from dataclasses import dataclass

import numpy as np

DIGITS = ("thumb", "index", "middle", "ring", "pinky")

# Degrees (low, high) of the four joints of each digit, DIGITS' order, then wrist flexion and deviation.
# Thumb: palmar abduction and flexion of the metacarpal, then the two hinges. Others: abduction towards the thumb, then
# flexion at the knuckle and the two hinges. Flexion is positive towards the palm.
LIMITS = np.array(
    [
        *[(-25, 40), (-25, 45), (-10, 60), (-15, 80)],
        *[(-15, 20), (-15, 90), (0, 105), (0, 75)],
        *[(-12, 12), (-15, 90), (0, 105), (0, 75)],
        *[(-18, 12), (-15, 90), (0, 105), (0, 75)],
        *[(-28, 12), (-15, 90), (0, 105), (0, 75)],
        *[(-50, 50), (-20, 20)],
    ],
    float,
)
ANGLES = len(LIMITS)

BASE = np.array([(25, -40, -7), (24, 36, 0), (4, 38, 2), (-15, 35, 1), (-32, 28, -2)], float)  # mm
BONES = np.array([(43, 32, 23), (41, 26, 23.5), (43, 29, 25), (39, 27, 22), (33, 21, 19.5)], float)  # mm
FAN = np.array([42, 4, 0, -4, -9], float)  # rest direction about z, degrees, towards the thumb for positive
ROLL = np.array([58, 0, 0, 0, 0], float)  # about the digit's own axis: the thumb bends across the palm
WRIST = np.array([(-16, -75, 2), (16, -75, 2)], float)  # NYU's points 30 and 31, rigid with the palm
PIVOT = np.array([0, -56, 2.0])  # where the forearm bends

# name: NYU's index of its 36. Tip and middle hinge of each finger; of the thumb tip, hinge, and a point one third down
# the metacarpal (its distance from the hinge varies by 4 mm in NYU, so it lies below the knuckle).
NYU_JOINTS = {
    "pinky_tip": 0,
    "pinky_hinge": 3,
    "ring_tip": 6,
    "ring_hinge": 9,
    "middle_tip": 12,
    "middle_hinge": 15,
    "index_tip": 18,
    "index_hinge": 21,
    "thumb_tip": 24,
    "thumb_hinge": 25,
    "thumb_root": 27,
    "wrist_ulnar": 30,
    "wrist_radial": 31,
    "palm": 32,
}
JOINTS = tuple(NYU_JOINTS)


@dataclass(frozen=True)
class Shape:
    """One person's proportions, factors on the mean hand."""

    scale: float = 1.0
    thickness: float = 1.0
    breadth: float = 1.0  # of the palm
    digits: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 1.0, 1.0)  # lengths


# NYU's two persons: all lengths of the first exceed the second's by about a fifth.
PERSONS = (
    Shape(1.06, 1.05, 1.03, (1.05, 1.00, 1.01, 0.99, 1.03)),
    Shape(0.88, 0.97, 0.96, (0.92, 1.02, 0.99, 1.01, 0.97)),
)


def rotation(axis: int, degrees: np.ndarray) -> np.ndarray:
    """(..., 3, 3) matrices about x, y or z (0, 1, 2).

    x takes +y towards -z (flexion to the palm), y takes -z towards -x, z takes +y towards +x.
    """
    angle = np.radians(np.asarray(degrees, float))
    cos, sin = np.cos(angle), np.sin(angle)
    i, j = [(2, 1), (0, 2), (0, 1)][axis]
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., i, i] = matrix[..., j, j] = cos
    matrix[..., i, j], matrix[..., j, i] = (-sin, sin) if axis == 0 else (sin, -sin)
    return matrix


def limited(angles: np.ndarray) -> np.ndarray:
    """Angles (..., ANGLES) clipped to LIMITS."""
    return np.clip(angles, LIMITS[:, 0], LIMITS[:, 1])


def digits(angles: np.ndarray, shape: Shape) -> np.ndarray:
    """Angles (N, ANGLES) in degrees -> positions (N, 5, 4, 3) in mm, hand frame, from each digit's base to its tip."""
    bends = angles[:, :20].reshape(-1, 5, 4)
    bones = BONES * np.asarray(shape.digits)[:, None] * shape.scale
    frame = rotation(2, FAN) @ rotation(1, ROLL) @ rotation(2, bends[..., 0])
    points = [np.broadcast_to(palm_points(BASE, shape), (len(angles), 5, 3))]
    for bone in range(3):
        frame = frame @ rotation(0, bends[..., bone + 1])
        points.append(points[-1] + frame[..., :, 1] * bones[:, bone, None])
    return np.stack(points, axis=2)


def palm_points(points: np.ndarray, shape: Shape) -> np.ndarray:
    """Points of the mean hand (..., 3), rigid with the palm, on this person's hand."""
    return points * shape.scale * np.array([shape.breadth, 1, 1])


def forearm_frame(angles: np.ndarray) -> np.ndarray:
    """(N, 3, 3) rotation of the forearm in the hand frame, which bends about PIVOT."""
    return rotation(2, angles[:, 21]) @ rotation(0, angles[:, 20])


def evaluation_joints(positions: np.ndarray, shape: Shape) -> np.ndarray:
    """Positions (N, 5, 4, 3) of `digits` -> the 14 joints (N, 14, 3) in JOINTS' order, hand frame, mm."""
    rigid = palm_points(np.concatenate([WRIST, np.zeros((1, 3))]), shape)
    thumb = positions[:, 0]
    root = thumb[:, 1] + (thumb[:, 0] - thumb[:, 1]) / 3
    fingers = positions[:, :0:-1][:, :, [3, 1]].reshape(len(positions), 8, 3)
    rest = np.broadcast_to(rigid, (len(positions), 3, 3))
    return np.concatenate([fingers, thumb[:, [3, 2]], root[:, None], rest], axis=1)
