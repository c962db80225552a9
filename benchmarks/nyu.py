"""Section 3.2's NYU test set: a file of predicted joints against the file of true ones, as the field scores them.

A line is a frame: 14 joints x (u px, v px, depth mm) of the frontal camera's 640x480 image, the joints in the order
of `tasks.JOINTS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.core.errors import UserError
from benchmarks.datasets.hands.crops import unproject
from benchmarks.datasets.nyu_frames import FIRST_PERSON
from benchmarks.evaluation import curves
from benchmarks.evaluation.tasks import JOINTS

DISTANCES = (5.0, 10.0, 20.0, 30.0, 40.0)
COLUMNS = 3 * len(JOINTS)


@dataclass(frozen=True)
class Errors:
    """Errors of the same frames and joints (N, J): in pixels of the 640x480 image, and in space in mm."""

    px: np.ndarray
    mm: np.ndarray

    def frames(self, chosen: slice) -> "Errors":
        return Errors(self.px[chosen], self.mm[chosen])


def score(predictions: Path, truth: Path, distances: Sequence[float] = DISTANCES) -> str:
    """Mean errors and fractions within each distance, over all frames and by person, as text.

    UserError where a file is absent or holds anything but 42 finite numbers a line, or the files differ in length.
    """
    errors = measure(predictions, truth)
    lines = [f"{predictions.name}: {len(errors.px)} frames, {len(JOINTS)} joints"]
    parts = {"all frames": errors}
    if len(errors.px) > FIRST_PERSON:
        parts["first person"] = errors.frames(slice(FIRST_PERSON))
        parts["second person"] = errors.frames(slice(FIRST_PERSON, None))
    for name, part in parts.items():
        lines.append(f"\n{name} ({len(part.px)})")
        lines.append(f"  mean error {part.mm.mean():.3f} mm, {part.px.mean():.3f} px")
        lines.append("  within d         " + "".join(f"{d:>8g}" for d in distances))
        for unit in ("px", "mm"):
            found: np.ndarray = getattr(part, unit)
            for what, values in ((f"joints, {unit}", found), (f"worst joint, {unit}", curves.worst(found))):
                shares = "".join(f"{100 * curves.within(values, d):>7.1f}%" for d in distances)
                lines.append(f"  {what:<17}{shares}")
    lines.append("\nmean error by joint, mm")
    lines += [f"  {joint:<15}{error:8.3f}" for joint, error in zip(JOINTS, errors.mm.mean(axis=0), strict=True)]
    return "\n".join(lines)


def measure(predictions: Path, truth: Path) -> Errors:
    """Both files' joints, compared. Raises UserError as `score`."""
    predicted, true = read(predictions), read(truth)
    if len(predicted) != len(true):
        raise UserError(
            f"{predictions} has {len(predicted)} frames and {truth} {len(true)}; give a line for each frame"
        )
    return Errors(
        px=curves.distances(predicted[..., :2], true[..., :2]),
        mm=curves.distances(unproject(predicted), unproject(true)),
    )


def read(path: Path) -> np.ndarray:
    """Joints (N, 14, 3): u and v in pixels, depth in mm. Raises UserError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text: {error}") from None
    if not lines:
        raise UserError(f"{path} is empty; expected a line of {COLUMNS} numbers for each frame")
    frames = np.empty((len(lines), COLUMNS))
    for i, line in enumerate(lines):
        frames[i] = _numbers(line.split(), f"{path} line {i + 1}")
    return frames.reshape(-1, len(JOINTS), 3)


def _numbers(words: list[str], where: str) -> np.ndarray:
    if len(words) != COLUMNS:
        raise UserError(f"{where}: {len(words)} columns; expected {COLUMNS}, {len(JOINTS)} joints x (u, v, depth)")
    try:
        values = np.array(words, float)
    except ValueError as error:
        raise UserError(f"{where}: {error}; expected numbers parted by blanks") from None
    if not np.isfinite(values).all():
        column = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UserError(f"{where}: column {column + 1} is {words[column]}; every joint needs a finite estimate")
    return values
