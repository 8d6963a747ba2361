"""The network is the report's: residual blocks, kernels that double, skips that are sums."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from mesophyll.network import SIZES, Network


def built(ndim=3, **settings):
    torch.manual_seed(0)
    return Network(ndim, 1, 1 + ndim, **settings).build().eval()


def weights(network):
    return sum(parameter.numel() for parameter in network.parameters())


def slow_count(network):
    """Add up the weights of the blocks by hand."""

    def conv(inputs, outputs, side, bias):
        return inputs * outputs * side**network.ndim + bias * outputs

    def residual(inputs, outputs):
        norms = 2 * 2 * outputs
        carry = 0 if inputs == outputs else conv(inputs, outputs, 1, bias=True)
        return conv(inputs, outputs, 3, bias=False) + conv(outputs, outputs, 3, bias=False) + norms + carry

    kernels = [SIZES[network.size] * 2**level for level in range(network.levels)]
    down = sum(map(residual, [network.inputs, *kernels[:-1]], kernels))
    up = sum(conv(coarse, fine, 2, bias=True) + residual(fine, fine) for fine, coarse in itertools.pairwise(kernels))
    return down + up + conv(kernels[0], network.outputs, 1, bias=True)


@pytest.mark.parametrize(("ndim", "sides"), [(2, (16, 40)), (3, (8, 16, 24))], ids=["an image", "a volume"])
def test_an_output_has_the_shape_of_its_input(ndim, sides):
    with torch.inference_mode():
        assert built(ndim)(torch.zeros(2, 1, *sides)).shape == (2, 1 + ndim, *sides)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_network_may_have_any_number_of_levels(levels):
    network = built(2, levels=levels)
    assert network.network.stride == 2 ** (levels - 1)
    side = 3 * network.network.stride
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, side, side)).shape == (1, 3, side, side)


def test_the_small_network_for_volumes_has_1267172_weights():
    assert weights(built(3)) == 1_267_172


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_the_dial_sets_the_kernels_and_they_double_at_each_level(ndim, size):
    network = Network(ndim, 2, 5, size, levels=3)
    with torch.device("meta"):
        module = network.build()
    assert weights(module) == slow_count(network)
    kernels = [block.second[0].out_channels for block in module.contracting]
    assert kernels == [SIZES[size], 2 * SIZES[size], 4 * SIZES[size]]


def test_skips_are_sums():
    """What reaches an expansive block has the kernels of its level alone, and the skip adds to it voxel by voxel."""
    network, met = built(2, levels=2), {}
    network.up[0].register_forward_hook(lambda *call: met.update(up=call[2]))
    network.contracting[0].register_forward_hook(lambda *call: met.update(skip=call[2]))
    network.expansive[0].register_forward_pre_hook(lambda _, given: met.update(given=given[0]))
    with torch.inference_mode():
        network(torch.randn(1, 1, 8, 8))
    torch.testing.assert_close(met["given"], met["up"] + met["skip"])


def test_a_block_carries_its_input_around_its_convolutions():
    """Without its convolutions, a block is no more than the rectified input."""
    block = built(2).expansive[0]
    torch.nn.init.zeros_(block.second[0].weight)
    features = torch.randn(1, block.second[0].in_channels, 4, 4)
    with torch.inference_mode():
        torch.testing.assert_close(block(features), torch.relu(features))


def test_a_convolution_of_side_2_looks_at_a_voxel_and_the_next():
    """Its first weight alone gives the up-sampled image, its last the same one voxel on, and 0 behind the end."""
    module = built(2, levels=2).up[0]
    up = module.convolution
    coarse = torch.randn(1, up.in_channels, 3, 3)
    fine = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, : up.out_channels]
    for tap, expected in ((0, fine), (1, torch.nn.functional.pad(fine[..., 1:, 1:], (0, 1, 0, 1)))):
        torch.nn.init.zeros_(up.weight)
        torch.nn.init.zeros_(up.bias)
        for channel in range(up.out_channels):
            up.weight.data[channel, channel, tap, tap] = 1
        with torch.inference_mode():
            torch.testing.assert_close(module(coarse), expected)


@pytest.mark.parametrize("ndim", [2, 3])
def test_moving_the_image_by_the_stride_moves_the_output(ndim):
    network = built(ndim, levels=2)
    stride, inner = network.network.stride, slice(12, 18)
    image = torch.randn(1, 1, *[30] * ndim)
    with torch.inference_mode():
        output, moved = network(image), network(image.roll(stride, dims=-1)).roll(-stride, dims=-1)
    seen = (slice(None), slice(None), *[inner] * ndim)
    torch.testing.assert_close(output[seen], moved[seen], rtol=1e-4, atol=1e-5)
    assert output[seen].std() > 1e-3


def test_a_voxel_is_treated_alike_in_whatever_tile_it_lies():
    """The statistics of a tile do not enter: a bright neighbourhood far away changes nothing."""
    network = built(2, levels=2)
    image = torch.randn(1, 1, 64, 64)
    brighter = image.clone()
    brighter[..., 40:] += 10
    with torch.inference_mode():
        torch.testing.assert_close(network(image)[..., :20], network(brighter)[..., :20])


def test_the_same_seed_builds_the_same_network():
    first, second = built(2).state_dict(), built(2).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_image_given_stays_as_it_is():
    image = torch.randn(1, 1, 16, 16)
    kept = image.clone()
    with torch.inference_mode():
        built(2)(image)
    assert torch.equal(image, kept)


def test_every_weight_has_a_part_in_the_output():
    network = built(2, levels=2).train()
    network(torch.randn(2, 1, 16, 16)).square().sum().backward()
    assert all(np.any(parameter.grad.numpy()) for parameter in network.parameters())
