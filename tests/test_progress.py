"""A long job tells where it stands, and never that it is ahead of itself."""

from __future__ import annotations

from mesophyll.progress import silent, track


def test_an_item_is_told_as_done_only_when_the_loop_has_finished_with_it():
    told = []
    for item in track("abc", "reading", lambda *where: told.append(where)):
        told.append(item)
    assert told == [
        ("reading", 0, 3),
        "a",
        ("reading", 1, 3),
        "b",
        ("reading", 2, 3),
        "c",
        ("reading", 3, 3),
    ]


def test_nothing_to_do_is_told_once():
    told = []
    assert list(track([], "reading", lambda *where: told.append(where))) == []
    assert told == [("reading", 0, 0)]


def test_a_loop_that_is_left_early_does_not_tell_the_rest():
    told = []
    for item in track([1, 2, 3], "reading", lambda *where: told.append(where)):
        if item == 2:
            break
    assert told == [("reading", 0, 3), ("reading", 1, 3)]


def test_silence_is_silent(capsys):
    assert silent("reading", 1, 2) is None
    assert capsys.readouterr() == ("", "")
