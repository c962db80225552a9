"""Section 2.3's buffer, image by image."""

import torch

from simgan.history import History


def images(first: int, count: int) -> torch.Tensor:
    """Images that carry their number."""
    return torch.arange(first, first + count, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def numbers(batch: torch.Tensor) -> list[int]:
    return [int(image.flatten()[0]) for image in batch]


def test_it_starts_empty_and_the_whole_batch_is_current_until_half_a_batch_is_held():
    history, g = History(100), torch.Generator().manual_seed(0)
    assert numbers(history.mix(images(0, 8), g)) == list(range(8))
    history.update(images(0, 6), g)  # three held: still fewer than four
    assert len(history) == 3
    assert numbers(history.mix(images(10, 8), g)) == list(range(10, 18))


def test_half_of_the_batch_comes_from_the_buffer():
    history, g = History(100), torch.Generator().manual_seed(0)
    history.update(images(0, 40), g)
    mixed = numbers(history.mix(images(100, 8), g))
    assert mixed[:4] == [100, 101, 102, 103]
    assert len(set(mixed[4:])) == 4
    assert all(n < 20 for n in mixed[4:])


def test_it_fills_to_its_capacity_and_no_further():
    history, g = History(10), torch.Generator().manual_seed(0)
    sizes = []
    for step in range(5):
        history.update(images(8 * step, 8), g)
        sizes.append(len(history))
    assert sizes == [4, 8, 10, 10, 10]


def test_a_full_buffer_replaces_half_a_batch_at_random():
    history, g = History(12), torch.Generator().manual_seed(0)
    for step in range(3):
        history.update(images(8 * step, 8), g)
    before = set(numbers(history.images))
    history.update(images(100, 8), g)
    after = set(numbers(history.images))
    assert after - before == {100, 101, 102, 103}
    assert len(after & before) == 8


def test_every_place_is_replaced_in_the_long_run():
    history, g = History(10), torch.Generator().manual_seed(1)
    for step in range(200):
        history.update(images(4 * step, 4), g)
    assert min(numbers(history.images)) > 400


def test_stored_images_are_copies_without_gradient():
    history, g = History(4), torch.Generator()
    batch = images(0, 4).clone().requires_grad_()
    history.update(batch, g)
    batch.data.fill_(99)
    assert numbers(history.images) == [0, 1]
    assert not history.images.requires_grad


def test_no_history_is_the_ablation():
    """Section 3.3: capacity 0 leaves D the current images alone."""
    history, g = History(0), torch.Generator()
    history.update(images(0, 8), g)
    assert len(history) == 0
    assert numbers(history.mix(images(0, 8), g)) == list(range(8))
