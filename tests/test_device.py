"""Where numbers are crunched: what is asked for, or a word why not."""

from __future__ import annotations

import numba
import pytest
import torch

from complaint import complaint
from mesophyll.device import fast_precision, keep_to, pick
from mesophyll.errors import SettingsError

has_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def test_the_processor_is_always_there():
    assert pick("cpu") == torch.device("cpu")


def test_auto_is_the_gpu_where_there_is_one():
    assert pick("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_told():
    complaint(SettingsError, lambda: pick("cuda"), "torch finds no GPU", "driver", "--device cpu")


@pytest.mark.parametrize("device", ["gpu", "CPU", ""])
def test_an_unknown_device_is_told(device):
    complaint(SettingsError, lambda: pick(device), f"device = {device!r}", "auto, cpu, cuda")


def test_numbers_on_the_processor_are_bfloat16_only_where_it_multiplies_them():
    assert fast_precision(torch.device("cpu")) in (torch.float32, torch.bfloat16)


@has_gpu
def test_numbers_on_a_gpu_are_bfloat16_only_where_it_multiplies_them():
    has_bfloat16 = torch.cuda.get_device_capability() >= (8, 0)
    assert fast_precision(torch.device("cuda")) == (torch.bfloat16 if has_bfloat16 else torch.float32)


def test_a_process_keeps_to_its_threads():
    before = torch.get_num_threads(), numba.get_num_threads()
    try:
        keep_to(1)
        assert (torch.get_num_threads(), numba.get_num_threads()) == (1, 1)
        keep_to(10**6)  # Numba never takes more than it began with
        assert numba.get_num_threads() == 1
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])
