"""Images rendered by several processes are those that one renders, in the same order."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks.datasets import eyes, hands, rendering

SOURCES = {
    "eyes": (partial(eyes.camera, seed=4, persons=(3, 8)), 2 * eyes.CHUNK + 5, eyes.CHUNK),
    "hands": (partial(hands.photographed, seed=4, views=(0, 2), size=16), hands.BLOCK + 3, hands.BLOCK),
}


@pytest.mark.parametrize("name", SOURCES)
def test_processes_render_what_one_does(name: str, monkeypatch: pytest.MonkeyPatch):
    source, count, chunk = SOURCES[name]
    monkeypatch.setattr(rendering, "cores", lambda: 2)
    images, labels = zip(*rendering.rendered(source, count, chunk), strict=True)
    alone, theirs = zip(*source(count), strict=True)
    assert np.array_equal(np.concatenate(images), np.concatenate(alone))
    pd.testing.assert_frame_equal(pd.concat(labels), pd.concat(theirs))
