"""Table 1's visual Turing test with a machine for the human: a classifier two-sample test (Lopez-Paz and Oquab 2017).

A small network of its own, never the trained D, learns to tell half of two sets apart and is tested on the rest. At
chance the sets cannot be told apart by such a network at such a size; a good refiner comes nearer to that than the
synthetic images do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.evaluation.significance import binomial, clustered_wilson, wilson
from benchmarks.measures.realism import grey

FEATURES = (12, 24, 48)
BATCH = 64
STEPS = 150
LR = 0.004
WEIGHT_DECAY = 0.01

Groups = Sequence[str] | np.ndarray | None


@dataclass(frozen=True)
class TwoSample:
    """Held-out answers; the classes weigh the same, so chance is one half."""

    accuracy: float
    low: float  # Wilson's 95 % interval of it
    high: float
    clustered_low: float  # the same with images of one group as resembling one another
    clustered_high: float
    p: float  # exact binomial of at least so many hits by chance, one-sided as in Table 1
    hits: int
    trials: int
    confusion: np.ndarray  # (2, 2) images, from a or b (row) taken for a or b (column)
    correct: np.ndarray  # (trials,) bool, one a test image
    images: np.ndarray  # (trials,) its index in the set that it is from
    of_b: np.ndarray  # (trials,) bool, whether that set is b
    groups: np.ndarray  # (trials,) its group, its own where it stands alone


def two_sample(
    a: np.ndarray,
    b: np.ndarray,
    groups_a: Groups,
    groups_b: Groups,
    generator: torch.Generator,
    steps: int = STEPS,
) -> TwoSample:
    """Train on half of a and b, both float or uint8 (N, H, W), test on the rest.

    Images of one group (a person, a block of frames), whichever set they are in, are either all in training or all
    in the test; None lets every image of a set stand alone. `p`, `low` and `high` count test images as independent,
    as the paper does with answers. Raises ValueError where sizes differ, or one side would be empty for a set, as
    with a single group.
    """
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"images {a.shape[1:]} and {b.shape[1:]} differ in size")
    names_a, names_b = _names(groups_a, a, "a"), _names(groups_b, b, "b")
    (train_a, train_b), (test_a, test_b) = split(names_a, names_b, generator)
    network = Judge(generator).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    fit(network, _tensor(a[train_a], b[train_b]), _targets(train_a, train_b), generator, steps)
    judged = _judge(network, _tensor(a[test_a], b[test_b]))
    of_b = _targets(test_a, test_b).numpy().astype(bool)
    correct = judged == of_b
    hits, trials = int(correct.sum()), len(correct)
    low, high = wilson(hits, trials)
    groups = np.concatenate((names_a[test_a], names_b[test_b]))
    shared = bool(set(names_a[test_a]) & set(names_b[test_b]))  # a group's errors in a and in b then go together
    clustered_low, clustered_high = clustered_wilson(correct, of_b & (not shared), groups)
    confusion = np.array([[int((judged[of_b == row] == column).sum()) for column in (0, 1)] for row in (0, 1)])
    return TwoSample(
        accuracy=hits / trials,
        low=low,
        high=high,
        clustered_low=clustered_low,
        clustered_high=clustered_high,
        p=binomial(hits, trials, side="greater"),
        hits=hits,
        trials=trials,
        confusion=confusion,
        correct=correct,
        images=np.concatenate((test_a, test_b)),
        of_b=of_b,
        groups=groups,
    )


Pair = tuple[np.ndarray, np.ndarray]


def split(names_a: np.ndarray, names_b: np.ndarray, generator: torch.Generator) -> tuple[Pair, Pair]:
    """Group names (N,) and (M,) -> indices ((a, b) of training, (a, b) of the test): half of each set's groups train.

    On either side both sets have as many images; those beyond are dropped at random.
    """
    in_a, in_b = set(names_a), set(names_b)
    names = sorted(in_a | in_b)
    shuffled = [names[i] for i in torch.randperm(len(names), generator=generator)]
    # Groups of a alone, of both, of b alone: each set's stand together, so every second one is half of each set's.
    shuffled.sort(key=lambda name: int(name in in_b) - int(name in in_a))
    training = shuffled[1::2]
    sides = []
    for held_out in (False, True):
        members = [np.flatnonzero(np.isin(names, training, invert=held_out)) for names in (names_a, names_b)]
        sides.append(_balanced(*(m[torch.randperm(len(m), generator=generator).numpy()] for m in members)))
    return sides[0], sides[1]


def _balanced(a: np.ndarray, b: np.ndarray) -> Pair:
    size = min(len(a), len(b))
    if not size:
        raise ValueError("a set has no images left to train or to test on: it needs two groups or more, or None")
    return np.sort(a[:size]), np.sort(b[:size])


class Judge(nn.Module):
    """Three strided convolutions with batch norm, mean and maximum over the image, two logits.

    image (N, 1, H, W) in [-1, 1] -> (N,) logit of being from b.
    """

    def __init__(self, generator: torch.Generator):
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for features in FEATURES:
            conv = nn.Conv2d(channels, features, 3, 2, 1, bias=False)
            nn.init.kaiming_normal_(conv.weight, generator=generator)
            layers += [conv, nn.BatchNorm2d(features), nn.ReLU()]
            channels = features
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(2 * channels, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        features = self.trunk(image)
        return self.head(torch.cat((features.mean((2, 3)), features.amax((2, 3))), 1))[:, 0]


def fit(network: Judge, images: Tensor, targets: Tensor, generator: torch.Generator, steps: int) -> None:
    """AdamW on random mini-batches, learning rate falling to 0 along a half cosine."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(images), (min(BATCH, len(images)),), generator=generator)
        loss = F.binary_cross_entropy_with_logits(network(images[chosen]), targets[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()


@torch.no_grad()
def _judge(network: Judge, images: Tensor) -> np.ndarray:
    """(N,) bool, taken for b."""
    return torch.cat([network(chunk) > 0 for chunk in images.split(256)]).numpy()


def _names(groups: Groups, images: np.ndarray, of: str) -> np.ndarray:
    names = [f"image {i} of {of}" for i in range(len(images))] if groups is None else [str(name) for name in groups]
    if len(names) != len(images):
        raise ValueError(f"{len(names)} groups for {len(images)} images")
    return np.array(names)


def _tensor(a: np.ndarray, b: np.ndarray) -> Tensor:
    return torch.from_numpy(np.concatenate((grey(a), grey(b))))[:, None] / 127.5 - 1


def _targets(a: np.ndarray, b: np.ndarray) -> Tensor:
    return torch.cat((torch.zeros(len(a)), torch.ones(len(b))))
