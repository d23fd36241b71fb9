"""Label images that say the same with other numbers."""

import numpy as np


def assert_same_partition(first, second):
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(first)) == len(np.unique(second))
