"""Section 2.3's buffer, image by image."""

import torch

from simgan.history import History


def images(first: int, count: int) -> torch.Tensor:
    """Images that carry their number."""
    return torch.arange(first, first + count, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def numbers(batch: torch.Tensor) -> list[int]:
    return [int(image.flatten()[0]) for image in batch]


def test_it_starts_empty_and_gives_none_until_it_holds_as_many_as_are_asked_for():
    history, g = History(100), torch.Generator().manual_seed(0)
    assert len(history.sample(4, g)) == 0
    history.update(images(0, 3), g)
    assert len(history) == 3
    assert len(history.sample(4, g)) == 0
    assert sorted(numbers(history.sample(3, g))) == [0, 1, 2]


def test_a_sample_has_no_image_twice_and_is_random():
    history, g = History(100), torch.Generator().manual_seed(0)
    history.update(images(0, 20), g)
    drawn = [numbers(history.sample(4, g)) for _ in range(50)]
    assert all(len(set(sample)) == 4 for sample in drawn)
    assert {n for sample in drawn for n in sample} == set(range(20))


def test_it_fills_to_its_capacity_and_no_further():
    history, g = History(10), torch.Generator().manual_seed(0)
    sizes = []
    for step in range(5):
        history.update(images(4 * step, 4), g)
        sizes.append(len(history))
    assert sizes == [4, 8, 10, 10, 10]


def test_a_full_buffer_replaces_half_a_batch_at_random():
    history, g = History(12), torch.Generator().manual_seed(0)
    for step in range(3):
        history.update(images(4 * step, 4), g)
    before = set(numbers(history.images))
    history.update(images(100, 4), g)
    after = set(numbers(history.images))
    assert after - before == {100, 101, 102, 103}
    assert len(after & before) == 8


def test_every_place_is_replaced_in_the_long_run():
    history, g = History(10), torch.Generator().manual_seed(1)
    for step in range(200):
        history.update(images(2 * step, 2), g)
    assert min(numbers(history.images)) > 200


def test_stored_images_are_copies_without_gradient():
    history, g = History(4), torch.Generator()
    batch = images(0, 2).clone().requires_grad_()
    history.update(batch, g)
    batch.data.fill_(99)
    assert numbers(history.images) == [0, 1]
    assert not history.images.requires_grad


def test_no_history_is_the_ablation():
    """Section 3.3: capacity 0 leaves D the current images alone."""
    history, g = History(0), torch.Generator()
    history.update(images(0, 8), g)
    assert len(history) == 0
    assert len(history.sample(4, g)) == 0
