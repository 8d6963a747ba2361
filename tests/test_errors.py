"""Errors say value, rule and remedy, and the tree in the docstring is the tree in the code."""

from __future__ import annotations

import pickle

import pytest

from mesophyll import errors

KINDS = [kind for kind in (getattr(errors, name) for name in errors.__all__) if not issubclass(kind, Warning)]


def test_an_error_says_value_rule_and_remedy_in_this_order():
    assert str(errors.FileError("a.tif is missing", "a scan is a file", "check the path")) == (
        "a.tif is missing; a scan is a file; check the path."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_travels_to_another_process(kind):
    error = kind("value", "rule", "remedy")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (back.value, back.rule, back.remedy, str(back)) == ("value", "rule", "remedy", str(error))


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_catches_the_root_catches_all(kind):
    assert issubclass(kind, errors.MesophyllError)
    assert kind.__name__ in errors.__doc__


def test_every_error_of_the_module_is_public():
    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert defined == set(errors.__all__)
