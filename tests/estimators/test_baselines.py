"""Table 3's baselines, each against an oracle of its own, and all against the mean of the training labels."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.signal import correlate
from sklearn.ensemble import RandomForestRegressor
from threadpoolctl import threadpool_limits

from benchmarks.datasets import eyes
from estimators import baselines
from estimators.baselines import BASELINES, alr, features, fit, forest, multimodal, svr, to_angles, to_vectors
from estimators.baselines.clusters import Clusters, Ensemble, cluster

QUICK = {"multimodal_cnn": {"steps": 80, "batch": 16}}

Eyes = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def simulated() -> Eyes:
    """600 images, head poses (degrees) and gazes."""
    images, head, gaze = [], [], []
    for chunk, labels in eyes.simulator(600, 5):
        images.append(chunk)
        head.append(labels[["head_pitch_deg", "head_yaw_deg"]].to_numpy())
        gaze.append(labels[["gaze_x", "gaze_y", "gaze_z"]].to_numpy())
    return np.concatenate(images), np.concatenate(head), np.concatenate(gaze)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 35, 55), dtype=np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_error(estimated: np.ndarray, truth: np.ndarray) -> float:
    return float(np.degrees(np.arccos((estimated * truth).sum(1).clip(-1, 1))).mean())


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "mean"])
def test_every_baseline_beats_the_mean(name: str, simulated: Eyes):
    images, head, gaze = simulated
    predictor = fit(name, images[:450], head[:450], gaze[:450], rng(), **QUICK.get(name, {}))
    floor = fit("mean", images[:450], head[:450], gaze[:450], rng())
    estimated = predictor.predict(images[450:], head[450:])
    assert estimated.shape == (150, 3)
    assert np.linalg.norm(estimated, axis=1) == pytest.approx(1)
    assert mean_error(estimated, gaze[450:]) < 0.75 * mean_error(floor.predict(images[450:], head[450:]), gaze[450:])


@pytest.mark.parametrize("name", BASELINES)
def test_estimates_depend_on_the_arguments_alone(name: str, simulated: Eyes, monkeypatch: pytest.MonkeyPatch):
    images, head, gaze = (column[:64] for column in simulated)
    settings = {"steps": 5} if name == "multimodal_cnn" else {}
    estimated, before = [], torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with threadpool_limits(threads):
            estimated.append(fit(name, images, head, gaze, rng(3), **settings).predict(images, head))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert np.array_equal(*estimated)
    monkeypatch.setattr(baselines, "CHUNK", 7)
    parts = fit(name, images, head, gaze, rng(3), **settings).predict(images, head)
    assert parts == pytest.approx(estimated[0], abs=1e-6)  # sums of floats in another order


def test_no_head_poses_are_equal_head_poses(simulated: Eyes):
    images, _, gaze = (column[:80] for column in simulated)
    without = fit("knn", images, None, gaze, rng())
    equal = fit("knn", images, np.full((80, 2), 5.0), gaze, rng())
    assert np.array_equal(without.predict(images, None), equal.predict(images, np.full((80, 2), 5.0)))
    with pytest.raises(ValueError, match="without head poses"):
        without.predict(images, np.zeros((80, 2)))
    with pytest.raises(ValueError, match="with head poses"):
        equal.predict(images, None)


def test_bad_lengths_are_refused():
    gaze = to_vectors(np.zeros((3, 2)))
    for count, head, labels in [(0, 0, 0), (3, 2, 3), (3, 3, 2)]:
        with pytest.raises(ValueError, match=f"{count} images, {head} head poses and {labels} gazes"):
            fit("mean", noise(count), np.zeros((head, 2)), gaze[:labels], rng())


def test_the_mean_of_angles_and_a_subset():
    gaze = to_vectors(np.array([[10.0, 20.0], [-10.0, 40.0], [30.0, 0.0]]))
    estimated = fit("mean", noise(3), None, gaze, rng()).predict(noise(2), None)
    p, y = np.radians([10, 20])
    assert estimated == pytest.approx(np.tile([-np.cos(p) * np.sin(y), -np.sin(p), -np.cos(p) * np.cos(y)], (2, 1)))
    drawn = [fit("mean", noise(3), None, gaze, rng(seed), at_most=1).predict(noise(1), None)[0] for seed in range(30)]
    nearest = {int(np.argmax(gaze @ vector)) for vector in drawn}
    assert nearest == {0, 1, 2}
    assert max((1 - (gaze @ vector).max()) for vector in drawn) < 1e-12


def test_angles_are_mpiigazes():
    known = np.array([[0, 0, -1], [0, -0.6, -0.8], [-0.6, 0, -0.8]])  # at the camera; up; to the image's left
    up = np.degrees(np.arcsin(0.6))
    assert to_angles(known) == pytest.approx(np.array([[0, 0], [up, 0], [0, up]]))
    assert to_vectors(to_angles(known)) == pytest.approx(known)


def test_cells_are_block_means():
    image = noise(2)[:, :27, :48]
    assert features.cells(image, 9, 16) == pytest.approx(image.reshape(2, 9, 3, 16, 3).mean((2, 4)).reshape(2, -1))


def test_hog_of_a_ramp_is_horizontal_in_every_cell():
    ramp = np.tile(np.arange(56, dtype=np.uint8) * 4, (35, 1))
    histograms = features.hog_lbp(ramp[None])[0, :864].reshape(4, 6, 4, 9)
    inside = histograms[:, 1:-1]  # the outermost columns have no gradient
    assert inside[..., 0] == pytest.approx(0.5, abs=1e-4)  # four equal cells of unit length, clipped and scaled back
    assert inside[..., 1:] == pytest.approx(0)
    assert features.hog_lbp(noise(1)).shape == (1, 864 + 4 * 6 * 59)


def test_lbp_of_a_bright_pixel():
    image = np.zeros((1, 35, 55), np.uint8)
    image[0, 13, 23] = 255  # in block row 1 (rows 9 to 17), block column 2 (columns 19 to 27)
    histograms = features.hog_lbp(image)[0, 864:].reshape(4, 6, 59)
    assert histograms.sum(2) == pytest.approx(1)
    flat = histograms[1, 1].argmax()  # no neighbour is darker
    assert histograms[1, 1, flat] == 1
    assert sorted(histograms[1, 2])[-2:] == pytest.approx([1 / 81, 80 / 81])
    assert histograms[1, 2, flat] == pytest.approx(80 / 81)


def brute_force(known: np.ndarray, angles: np.ndarray, asked: np.ndarray, neighbours: int = 10) -> np.ndarray:
    distances = np.linalg.norm(asked[:, None] - known[None], axis=2)
    return np.stack([angles[np.argsort(row)[:neighbours]].mean(0) for row in distances])


def test_knn_is_brute_force_in_each_cluster(simulated: Eyes):
    images, _, gaze = (column[:160] for column in simulated)
    left = np.arange(120) < 60
    head = np.where(left[:, None], [0.0, -20.0], [0.0, 20.0]) + rng().normal(0, 0.1, (120, 2))
    known, angles = features.cells(features.equalised(images), 9, 16).astype(float), to_angles(gaze)
    estimated = fit("knn", images[:120], head, gaze[:120], rng()).predict(images[120:], np.zeros((40, 2)))
    both = [brute_force(known[:120][side], angles[:120][side], known[120:]) for side in (left, ~left)]
    assert to_angles(estimated) == pytest.approx((both[0] + both[1]) / 2, abs=1e-3)


class Constant:
    """A regressor that has learnt one number."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Constant":
        self.value = y.mean()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), 2), self.value)


def test_an_ensemble_averages_the_five_nearest_clusters():
    centres = np.array([[0.0, 10.0 * i] for i in range(8)])
    clusters = Clusters(centres, [np.array([i]) for i in range(8)])
    angles = np.repeat(2.0 ** np.arange(8), 2).reshape(8, 2)
    ensemble = Ensemble(clusters, lambda count: Constant(), np.zeros((8, 1)), angles)
    estimated = ensemble.predict(np.zeros((2, 1)), np.array([[0.0, -3.0], [0.0, 52.0]]))
    assert estimated[:, 0] == pytest.approx([(1 + 2 + 4 + 8 + 16) / 5, (8 + 16 + 32 + 64 + 128) / 5])


def test_clusters_part_the_images_by_pose():
    groups = np.repeat([[0.0, -30.0], [20.0, 0.0], [0.0, 30.0]], 50, axis=0)
    found = cluster(groups + rng(1).normal(0, 0.5, groups.shape), rng(0))
    assert sorted(sorted(own) for own in found.members) == [[*range(i, i + 50)] for i in (0, 50, 100)]
    assert len(cluster(np.zeros((500, 2)), rng()).members) == 1


def test_forest_recovers_a_planted_rule_within_its_labels():
    images = noise(300) // 2
    left = np.arange(300) % 2 == 0
    images[left, :, :27] += 120
    images[~left, :, 28:] += 120
    angles = np.where(left[:, None], [10.0, -15.0], [-5.0, 25.0])
    predictor = fit("random_forest", images[:200], None, to_vectors(angles[:200]), rng())
    estimated = to_angles(predictor.predict(images, None))
    assert np.abs(estimated - angles).mean() < 0.5
    assert (estimated >= angles.min(0) - 1e-9).all() and (estimated <= angles.max(0) + 1e-9).all()


def test_forest_features_are_pairs_less_than_six_apart():
    near = {
        (16 * r + c, 16 * s + d)
        for r in range(9)
        for c in range(16)
        for s in range(9)
        for d in range(16)
        if (r, c) < (s, d) and np.hypot(r - s, c - d) < 6
    }
    assert set(zip(*map(np.ndarray.tolist, forest.pairs()), strict=True)) == near
    columns = forest.differences(noise(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert columns.shape == (2, len(near) + 2)
    assert columns[:, -2:].tolist() == [[1, 2], [3, 4]]


def leaf(tree: Any, row: np.ndarray) -> int:
    node = 0
    while tree.children_left[node] != -1:
        left = row[tree.feature[node]] <= tree.threshold[node]
        node = (tree.children_left if left else tree.children_right)[node]
    return node


def test_forest_is_the_mean_of_leaves_walked_by_hand(simulated: Eyes, monkeypatch: pytest.MonkeyPatch):
    """10 trees on half as many samples in each cluster, a leaf's mean being that of the samples drawn into it."""
    kept: list[Ensemble] = []
    monkeypatch.setattr(forest, "Ensemble", lambda *given: kept.append(Ensemble(*given)) or kept[0])
    images, head, gaze = (column[:420] for column in simulated)
    known, angles, asked = forest.differences(images, head), to_angles(gaze), np.arange(400, 420)
    estimate = forest.fit(images[:400], head[:400], angles[:400], rng())
    clusters = kept[0].clusters
    by_cluster = []
    for own, model in zip(clusters.members, kept[0].models, strict=True):
        assert isinstance(model, RandomForestRegressor)
        by_tree = []
        for grown, drawn in zip(model.estimators_, model.estimators_samples_, strict=True):
            assert len(drawn) == grown.tree_.weighted_n_node_samples[0] == (len(own) + 1) // 2
            reached = np.array([leaf(grown.tree_, row) for row in known[own[drawn]]])
            ends = [leaf(grown.tree_, row) for row in known[asked]]
            by_tree.append([angles[own[drawn]][reached == end].mean(0) for end in ends])
            assert grown.tree_.value[ends, :, 0] == pytest.approx(np.array(by_tree[-1]))
        assert len(by_tree) == 10
        by_cluster.append(np.mean(by_tree, axis=0))
        assert model.predict(known[asked]) == pytest.approx(by_cluster[-1])
    assert len(by_cluster) > 5
    distances = np.linalg.norm(head[asked, None] - clusters.centres, axis=2)
    expected = [np.mean([by_cluster[k][i] for k in np.argsort(row)[:5]], axis=0) for i, row in enumerate(distances)]
    assert estimate(images[asked], head[asked]) == pytest.approx(np.array(expected))


def test_alr_extrapolates_a_line_by_hand():
    known = np.array([[0.0], [1.0]])
    assert alr.weights(known, np.array([2.0])) == pytest.approx([-1, 2])
    assert alr.weights(known, np.array([0.25])) == pytest.approx([0.75, 0.25])
    assert alr.weights(known, np.array([2.0]), penalty=1.5) == pytest.approx([0, 1])  # 2.5 against 3


def test_alr_weights_are_optimal_by_the_dual_program(simulated: Eyes):
    """max e.y + m over |E y + m| <= 1, |y| <= penalty: its value bounds every choice of weights from below."""
    regions = alr.subregions(features.equalised(simulated[0][:140]))
    known, n = regions[:120], 120
    bounded = np.concatenate([known, np.ones((n, 1))], axis=1)
    for eye in regions[120:]:
        found = alr.weights(known, eye)
        assert found.sum() == pytest.approx(1)
        assert known.T @ found == pytest.approx(eye, abs=1e-8)
        dual = linprog(
            -np.append(eye, 1.0),
            A_ub=np.concatenate([bounded, -bounded]),
            b_ub=np.ones(2 * n),
            bounds=[(-10, 10)] * 15 + [(None, None)],
            method="highs-ipm",
        )
        assert np.abs(found).sum() == pytest.approx(-dual.fun, abs=1e-6)


def test_alr_reconstructs_an_eye_from_a_few_of_its_three_nearest_clusters(
    simulated: Eyes, monkeypatch: pytest.MonkeyPatch
):
    images, head, gaze = simulated
    angles, regions, found = to_angles(gaze), alr.subregions(images), cluster(head[:400], rng(7))
    asked = images[400:410], head[400:410]
    given: list[np.ndarray] = []
    weights = alr.weights
    monkeypatch.setattr(alr, "weights", lambda known, eye: given.append(known) or weights(known, eye))
    estimated = alr.fit(images[:400], head[:400], angles[:400], rng(7), candidates=61)(*asked)
    assert len(given) == 10
    for i, known in enumerate(tuple(given), 400):
        near = np.argsort(np.linalg.norm(found.centres - head[i], axis=1))[:3]
        candidates = [int(np.flatnonzero((regions[:400] == row).all(axis=1))[0]) for row in known]
        assert len(set(candidates)) == len(candidates)
        shares = [len({*found.members[k]} & {*candidates}) for k in near]
        assert shares == [min(20, len(found.members[k])) for k in near]
        assert sum(shares) == len(candidates)  # none of another cluster
        assert estimated[i - 400] == pytest.approx(weights(regions[candidates], regions[i]) @ angles[candidates])
        poisoned = angles[:400].copy()
        poisoned[np.setdiff1d(np.arange(400), np.concatenate([found.members[k] for k in near]))] += 1000
        again = alr.fit(images[:400], head[:400], poisoned, rng(7), candidates=61)(images[i : i + 1], head[i : i + 1])
        assert np.array_equal(again[0], estimated[i - 400])


def test_svr_tends_to_the_least_norm_interpolation(simulated: Eyes):
    """With fewer images than features and errors dear enough, support vectors fit all labels at the least norm."""
    images, head, gaze = (column[:60] for column in simulated)
    angles = to_angles(gaze)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # liblinear stops short of the limit
        estimate = svr.fit(images[:40], head[:40], angles[:40], rng(), cost=1e4)
    known = np.pad(features.hog_lbp(images), ((0, 0), (0, 1)), constant_values=1)  # liblinear shrinks the offset too
    exact = known @ np.linalg.pinv(known[:40]) @ angles[:40]
    assert estimate(images, head) == pytest.approx(exact, abs=0.3)


def test_cnn_has_the_parameters_of_zhang_et_al():
    network = multimodal.MultimodalCNN()
    expected = (25 + 1) * 20 + (20 * 25 + 1) * 50 + (6 * 12 * 50 + 1) * 500 + (500 + 2 + 1) * 2
    assert sum(parameter.numel() for parameter in network.parameters()) == expected
    assert network(torch.zeros(3, 1, 35, 55), torch.zeros(3, 2)).shape == (3, 2)


def convolved(maps: np.ndarray, layer: Mapping[str, np.ndarray]) -> np.ndarray:
    """(C, h, w) -> (D, h - 4, w - 4)."""
    weighted = [correlate(maps, kernel, mode="valid", method="direct") for kernel in layer["weight"]]  # (1, ...) each
    return np.concatenate(weighted) + layer["bias"][:, None, None]


def pooled(maps: np.ndarray) -> np.ndarray:
    return np.maximum.reduce([maps[:, row::2, column::2] for row in (0, 1) for column in (0, 1)])


def test_cnn_is_a_lenet_in_numpy(simulated: Eyes, monkeypatch: pytest.MonkeyPatch):
    images, head, gaze = (column[:3] for column in simulated)
    torch.manual_seed(0)
    network = multimodal.MultimodalCNN()
    monkeypatch.setattr(multimodal, "MultimodalCNN", lambda: network)
    estimated = multimodal.fit(images, head, to_angles(gaze), rng(), steps=5, batch=3)(images, head)
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, value in network.state_dict().items():
        layer, kind = name.rsplit(".", 1)
        layers.setdefault(layer, {})[kind] = value.double().numpy()
    first, second, connected, regression = layers.values()
    expected = []
    for eye, pose in zip(images, head, strict=True):
        maps = np.pad(eye / 255, ((0, 1), (2, 3)), mode="edge")[None]
        maps = pooled(convolved(pooled(convolved(maps, first)), second))
        hidden = np.maximum(connected["weight"] @ maps.ravel() + connected["bias"], 0)
        expected.append(regression["weight"] @ [*hidden, *np.radians(pose)] + regression["bias"])
    assert np.std(expected, axis=0).min() > 0.01
    assert np.radians(estimated) == pytest.approx(np.array(expected), abs=1e-4)


def test_cnn_overfits_sixteen_images_and_heeds_the_pose(simulated: Eyes):
    images, head, gaze = (column[:16] for column in simulated)
    predictor = fit("multimodal_cnn", images, head, gaze, rng(), steps=80, batch=16)
    estimated = predictor.predict(images, head)
    assert mean_error(estimated, gaze) < 3
    assert mean_error(predictor.predict(images, head + 20), estimated) > 0.1
