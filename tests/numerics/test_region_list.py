"""Columns of regions, and the regions made of them."""

import numpy as np
import pytest

from napari_bayesseg.core.geometry import Roi
from napari_bayesseg.numerics.region_list import Region, RegionList

REGIONS = (
    Region(7, Roi((0, 1, 2), (3, 4, 5)), 9, 4.5, 1.5, 0.2, 0.3, 0.4, (1, 2, 3), (2, 0), True),
    Region(3, Roi((4, 4, 4), (5, 6, 7)), 2, 1.0, 0.5, 0.1, 0.2, 0.3, (4, 5, 6), (1,), False),
    Region(9, Roi((0, 0, 0), (1, 1, 1)), 1, 0.5, 0.1, 0.1, 0.1, 0.1, (0, 0, 0), (0, 1, 2), True),
)


def test_regions_come_out_as_they_went_in():
    found = RegionList.of(REGIONS)
    assert tuple(found) == REGIONS
    assert found == REGIONS
    assert found == REGIONS
    assert found != REGIONS[:2]
    assert hash(found) == hash(RegionList.of(REGIONS))
    assert RegionList.of(found) is found
    assert [type(value) for value in vars(found[1]).values()] == [
        type(value) for value in vars(REGIONS[1]).values()
    ]


def test_it_is_indexed_like_a_tuple():
    found = RegionList.of(REGIONS)
    assert found[0] == found[-3] == REGIONS[0]
    assert found[1:] == REGIONS[1:]
    assert found[0] is found[0]
    with pytest.raises(IndexError, match="there are 3 regions; got 3"):
        found[3]


def test_columns_are_those_of_the_regions():
    found = RegionList.of(REGIONS)
    assert found.rows == {7: 0, 3: 1, 9: 2}
    assert found.errors.tolist() == [1.5, 0.5, 0.1]
    assert found.boxes[1].tolist() == [4, 4, 4, 5, 6, 7]
    assert found.classes.tolist() == [[2, 0, -1], [1, -1, -1], [0, 1, 2]]
    assert found.at_border.tolist() == [True, False, True]


def test_without_regions():
    found = RegionList.of(())
    assert (len(found), found, found[:]) == (0, (), ())
    assert found.classes.shape == (0, 1)
    assert np.all(found.boxes == np.zeros((0, 6)))
