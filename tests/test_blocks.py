"""Blocks tile a volume exactly, look as far as their halo, and know where they lie in what they read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesophyll.blocks import grid, grow, intersect, relative, shape_of

few = settings(max_examples=25, deadline=None)
shapes = st.lists(st.integers(1, 10), min_size=1, max_size=3).map(tuple)


def regions(shape):
    """Boxes within a shape, none of them empty."""
    axis = [st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(lambda ends: (ends[0], sum(ends))) for n in shape]
    return st.tuples(*axis).map(lambda ends: tuple(slice(a, min(b, n)) for (a, b), n in zip(ends, shape, strict=True)))


def mask(region, shape):
    inside = np.zeros(shape, bool)
    inside[region] = True
    return inside


@few
@given(shapes, st.integers(1, 9), st.integers(0, 6))
def test_write_regions_tile_the_volume_exactly(shape, size, halo):
    visits = np.zeros(shape, int)
    blocks = grid(shape, size, halo)
    for block in blocks:
        visits[block.write] += 1
        assert max(shape_of(block.write)) <= size
    assert (visits == 1).all()
    assert [block.index for block in blocks] == list(range(len(blocks)))


@few
@given(shapes, st.integers(1, 9))
def test_no_thin_rest_remains(shape, size):
    blocks = grid(shape, size, 0)
    for axis, length in enumerate(shape):
        sides = {shape_of(block.write)[axis] for block in blocks}
        assert max(sides) - min(sides) <= 1
        assert len({block.write[axis].start for block in blocks}) == -(-length // size)


@few
@given(shapes, st.integers(1, 9), st.integers(0, 6))
def test_a_halo_is_full_but_for_the_faces_of_the_volume(shape, size, halo):
    places = np.indices(shape)
    for block in grid(shape, size, halo):
        near = np.ones(shape, bool)
        for axis, span in enumerate(block.write):
            near &= (places[axis] >= span.start - halo) & (places[axis] < span.stop + halo)
        assert np.array_equal(mask(block.read, shape), near)


@few
@given(shapes, st.integers(1, 9), st.integers(0, 6))
def test_inner_is_the_write_region_within_what_was_read(shape, size, halo):
    volume = np.arange(np.prod(shape)).reshape(shape)
    for block in grid(shape, size, halo):
        assert np.array_equal(volume[block.read][block.inner], volume[block.write])


def test_blocks_are_counted_in_raster_order():
    starts = [tuple(axis.start for axis in block.write) for block in grid((4, 6, 2), 2, 1)]
    assert starts == sorted(starts)


@few
@given(shapes.flatmap(lambda shape: st.tuples(st.just(shape), regions(shape), regions(shape))))
def test_an_intersection_holds_the_common_voxels(case):
    shape, first, second = case
    common = mask(first, shape) & mask(second, shape)
    found = intersect(first, second)
    assert (found is None) == (not common.any())
    assert found is None or np.array_equal(mask(found, shape), common)
    assert found == intersect(second, first)
    assert intersect(first, first) == first


@few
@given(shapes.flatmap(lambda shape: st.tuples(st.just(shape), regions(shape), st.integers(0, 5))))
def test_a_region_lies_in_what_it_grows_to(case):
    shape, region, halo = case
    wide = grow(region, halo, shape)
    volume = np.arange(np.prod(shape)).reshape(shape)
    assert intersect(region, wide) == region
    assert np.array_equal(volume[wide][relative(region, wide)], volume[region])
    assert grow(region, 0, shape) == region
    assert grow(grow(region, halo, shape), 1, shape) == grow(region, halo + 1, shape)
    assert shape_of(region) == volume[region].shape


def test_regions_of_other_axes_do_not_mix():
    plane, box = (slice(0, 1),) * 2, (slice(0, 1),) * 3
    for mixed in (lambda: intersect(plane, box), lambda: relative(plane, box), lambda: grow(plane, 1, (4, 4, 4))):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            mixed()
