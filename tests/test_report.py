"""The report: what stands in the page is what the cells are, and it needs nothing but itself."""

from __future__ import annotations

import base64
import io as std_io
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mesophyll import io, tissues
from mesophyll.errors import FileError, LabelsError, VolumeError
from mesophyll.notes import flat
from mesophyll.report import charts, numbers, slices, write
from mesophyll.volume import Volume


class Parsed(HTMLParser):
    """The tags and the text of a page; raises where tags are not closed in order."""

    VOID = ("meta", "image", "use", "rect", "line", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += " " * ("style" not in self.open) + (data if "style" not in self.open else "")


def result(ndim: int = 3, *, notes: dict[str, object] | None = None) -> io.Result:
    """Return a box of 24 voxels a side with 2 whole cells of 4 voxels a side and one that the border cuts."""
    shape = (24,) * ndim
    labels = np.zeros(shape, np.int32)
    for number, start in ((1, 6), (2, 14), (3, 20)):
        labels[(slice(start, start + 4),) * ndim] = number
    grey = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    spacing = (0.5,) * ndim
    return io.Result(Volume(grey, spacing, name="my leaf"), Volume(labels, spacing, name="cells"), notes or {})


def page_of(tmp_path: Path, made: io.Result, **others: Volume) -> str:
    write(tmp_path / "page.html", made, **others)
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def same_place(array: np.ndarray) -> Volume:
    return Volume(array, (0.5,) * array.ndim)


def cards(page: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)<small>", page))


def test_the_key_figures_are_those_of_the_cells(tmp_path: Path) -> None:
    found = cards(page_of(tmp_path, result()))
    assert found["Cells"] == "3"
    assert found["Median volume"] == "8.00 µm³"  # 64 voxels of 0.125 µm³
    assert found["Cells per mm³"] == f"{3 / 0.012**3:,.0f}"
    assert found["Cut by the border"] == "33.3 %"
    assert found["Outside cells"] == f"{100 * (1 - 3 * 64 / 24**3):.1f} %"


def test_an_image_is_told_in_areas(tmp_path: Path) -> None:
    page = page_of(tmp_path, result(2))
    found = cards(page)
    assert found["Median area"] == "4.00 µm²"
    assert found["Cells per mm²"] == f"{3 / 0.012**2:,.0f}"
    assert page.count('class="plane"') == 1


def test_with_a_tissue_map_air_is_a_share_of_the_leaf(tmp_path: Path) -> None:
    tissue = np.zeros((24, 24, 24), np.uint8)
    tissue[:12] = tissues.PALISADE
    tissue[12:18] = tissues.AIRSPACE
    page = page_of(tmp_path, result(), tissue=same_place(tissue))
    assert cards(page)["Air share"] == "33.3 %"
    assert '<section id="tissues">' in page
    assert '<th scope="row">palisade</th>' in page


def test_a_leaf_is_told_as_a_whole_and_by_depth_where_its_faces_are_known(tmp_path: Path) -> None:
    tissue = np.full((24, 24, 24), tissues.AIRSPACE, np.uint8)
    tissue[:, :4], tissue[:, 20:] = tissues.UPPER_EPIDERMIS, tissues.LOWER_EPIDERMIS
    page = page_of(tmp_path, result(), tissue=same_place(tissue))
    assert '<section id="leaf">' in page
    found = cards(page)
    assert found["Thickness"] == "12.0 µm"
    assert found["Mesophyll"] == "8.00 µm"
    assert found["Density"] == f"{2.5 / 0.012**2:,.0f} 1/mm²"  # the third cell is cut
    assert 'aria-label="Air from upper face to lower face: 0, 0.333, 1.00,' in page
    tissue[:, :4] = tissues.AIRSPACE
    assert '<section id="leaf">' not in page_of(tmp_path, result(), tissue=same_place(tissue))
    assert '<section id="leaf">' not in page_of(tmp_path, result())


def test_scores_stand_there_only_with_the_truth(tmp_path: Path) -> None:
    made = result()
    assert '<section id="scores">' not in page_of(tmp_path, made)
    truth = made.labels.read().copy()
    truth[truth == 2] = 0
    found = cards(page_of(tmp_path, made, truth=same_place(truth)))
    assert found["AP at IoU 0.5"] == "0.667"  # two of three


def test_a_volume_has_three_slices_with_and_without_cells(tmp_path: Path) -> None:
    page = page_of(tmp_path, result())
    parsed = Parsed(page)
    pictures = [attributes for tag, attributes in parsed.tags if tag == "svg" and "chart" not in str(attributes)]
    assert len(pictures) == 6
    told = [str(attributes["aria-label"]) for attributes in pictures]
    assert all(words.startswith("Scan") for words in told)
    ids = {attributes["id"] for tag, attributes in parsed.tags if tag == "image" and "id" in attributes}
    assert ids == {"slice-z", "slice-y", "slice-x"}
    assert {attributes["href"] for tag, attributes in parsed.tags if tag == "use"} == {f"#{name}" for name in ids}


def test_the_page_needs_nothing_from_outside(tmp_path: Path) -> None:
    parsed = Parsed(page_of(tmp_path, result()))
    for tag, attributes in parsed.tags:
        assert tag not in ("script", "link", "iframe")
        for name in ("src", "href"):
            assert str(attributes.get(name, "#")).startswith(("#", "data:image/png;base64,"))


def test_foreign_words_are_escaped(tmp_path: Path) -> None:
    page = page_of(tmp_path, result(notes={"scan": "<script>alert(1)</script>", "model": {"name": "a & b"}}))
    assert "<script>" not in page
    assert "a &amp; b" in page
    Parsed(page)


def test_it_is_told_how_the_result_was_made(tmp_path: Path) -> None:
    notes = {"scan": "vine.tif", "date": "2026-11-22T10:00:00", "model": {"name": "leaf-3d"}, "shape": [3, 4]}
    page = page_of(tmp_path, result(notes=notes))
    assert "<h1>vine.tif</h1>" in page
    assert "Found by the model leaf-3d, 2026-11-22." in page
    assert "<dt>model.name</dt><dd>leaf-3d</dd>" in page
    assert flat(notes)[-1] == ("shape", "3 x 4")


def test_without_cells_there_is_still_a_report(tmp_path: Path) -> None:
    empty = result()
    labels = same_place(np.zeros((24, 24, 24), np.int32))
    page = page_of(tmp_path, io.Result(empty.scan, labels, {}), truth=empty.labels)
    assert cards(page)["Cells"] == "0"
    assert cards(page)["Median length"] == "\N{EN DASH}"
    assert "No whole cell to measure the length of." in page
    Parsed(page)


def test_a_constant_scan_can_be_shown(tmp_path: Path) -> None:
    made = result()
    Parsed(page_of(tmp_path, io.Result(same_place(np.full((24, 24, 24), 7, np.uint8)), made.labels, {})))


def test_the_arrays_are_not_changed(tmp_path: Path) -> None:
    made = result()
    before = made.labels.read().copy(), made.scan.read().copy()
    page_of(tmp_path, made)
    assert np.array_equal(made.labels.data, before[0])
    assert np.array_equal(made.scan.data, before[1])


def test_arrays_that_do_not_fit_are_refused_and_no_page_is_left(tmp_path: Path) -> None:
    made, other = result(), same_place(np.zeros((5, 5, 5), np.int32))
    with pytest.raises(LabelsError, match="truth of shape"):
        write(tmp_path / "page.html", made, truth=other)
    with pytest.raises(LabelsError, match="tissue of shape"):
        write(tmp_path / "page.html", made, tissue=other)
    with pytest.raises(LabelsError, match="my leaf has the shape"):
        write(tmp_path / "page.html", io.Result(made.scan, other, {}))
    with pytest.raises(VolumeError, match="cells holds no voxel size"):
        write(tmp_path / "page.html", io.Result(made.scan, Volume(made.labels.data, name="cells"), {}))
    with pytest.raises(FileError, match=r"the folder .* is missing"):
        write(tmp_path / "no" / "page.html", made)
    assert not list(tmp_path.iterdir())


# --- pictures ------------------------------------------------------------------------------------------------------------


def pixels(svg: str) -> list[np.ndarray]:
    """Return the PNGs within an SVG."""
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", svg)
    return [np.asarray(Image.open(std_io.BytesIO(base64.b64decode(code)))) for code in found]


def test_cells_are_drawn_where_they_lie_and_each_in_its_own_colour() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5:20, 10:20] = 4
    labels[5:20, 20:50] = 6
    grey = same_place(np.arange(2400, dtype=np.uint16).reshape(40, 60))
    (plane,) = slices.planes(grey, labels, (0.5, 0.5), (20, 30))
    (painted,) = pixels(plane.drawn)
    finer = painted.shape[0] // 40
    middle = painted[finer // 2 :: finer, finer // 2 :: finer]
    assert np.array_equal(middle[..., 3] > 0, labels > 0)
    assert len({tuple(middle[10, x, :3]) for x in (12, 15, 18)}) == 1
    assert tuple(middle[10, 15, :3]) != tuple(middle[10, 30, :3])
    lines = painted[12 * finer, :, 3] == 255
    assert lines[10 * finer]  # the cell's inner edge is a line,
    assert lines[20 * finer - 1]
    assert lines[20 * finer]
    assert not lines[15 * finer]  # its inside is not,
    assert not painted[12 * finer, 10 * finer - 1, 3]  # and nothing lies outside
    assert plane.cells == 2


def test_slices_cross_in_the_middle_of_the_cells() -> None:
    grey = np.random.default_rng(1).integers(0, 255, (10, 12, 14), np.uint8)
    drawn = slices.planes(same_place(grey), np.zeros(grey.shape, np.int32), (1, 1, 1), (3, 4, 5))
    assert [plane.title[:6] for plane in drawn] == ["Z = 3 ", "Y = 4 ", "X = 5 "]
    for plane, expected in zip(drawn, (grey[3], grey[:, 4], grey[:, :, 5]), strict=True):
        (shown,) = pixels(plane.bare)
        assert shown.shape == expected.shape
        assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.99


def test_long_voxels_are_drawn_long() -> None:
    grey = same_place(np.zeros((10, 20, 30), np.uint8))
    drawn = slices.planes(grey, np.zeros((10, 20, 30), np.int32), (4.0, 1.0, 0.5), (5, 10, 15))
    boxes = [re.search(r'viewBox="0 0 (\S+) (\S+)"', plane.bare).groups() for plane in drawn]  # type: ignore[union-attr]
    assert boxes == [("15", "20"), ("15", "40"), ("20", "40")]


@pytest.mark.parametrize(("width", "length"), [(93.6, 10), (100, 20), (1000, 200), (7, 1), (260, 50)])
def test_the_scale_bar_has_a_round_length_of_at_most_a_fifth(width: float, length: float) -> None:
    bar = slices._scale_bar(width, width)
    assert f">{length:g} µm<" in bar
    assert f'width="{length:g}"' in bar


def test_a_large_slice_is_thinned_out() -> None:
    grey = same_place(np.zeros((3000, 1000), np.uint8))
    (plane,) = slices.planes(grey, np.zeros((3000, 1000), np.int32), (1, 1), (0, 0))
    assert pixels(plane.bare)[0].shape == (1000, 334)


def test_bars_are_as_high_as_cells_are_many() -> None:
    values = np.repeat([0.1, 0.5, 0.9], [10, 20, 5])
    svg = charts.histogram(values, "air share", "", share=True)
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" rx', svg)]
    assert np.allclose(np.array(heights) / max(heights), [0.5, 1, 0.25], atol=0.01)
    assert "median 0.500" in svg
    assert "35 cells" in svg


def test_layers_lie_below_each_other_as_long_as_their_values() -> None:
    drawn = charts.profile(np.array([1.0, np.nan, 2.0]), "air <share>", "", ("above", "below"))
    bars = re.findall(r'<rect x="92" y="([^"]*)" width="([^"]*)" height="([^"]*)"', drawn)
    (first, short, _), (last, long, _) = [tuple(map(float, bar)) for bar in bars]
    assert long == pytest.approx(2 * short)
    assert last - first == pytest.approx(100)  # two of three layers down
    assert 'aria-label="air &lt;share&gt; from above to below: 1.00, \N{EN DASH}, 2.00"' in drawn
    assert re.findall(r"end\">(\w+)<", drawn) == ["above", "below"]


def test_what_lies_far_beyond_is_counted_in_the_last_bar() -> None:
    values = np.repeat([5.0, 9.9, 1e6], [300, 5, 2])
    svg = charts.histogram(values, "volume", "µm³")
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" rx', svg)]
    assert "≥ 10" in svg
    assert heights[-1] / heights[0] == pytest.approx(7 / 300, abs=0.001)
    assert "≥" not in charts.histogram(np.full(200, 10.0), "volume", "µm³")


@pytest.mark.parametrize("end", [1e-3, 0.07, 0.9, 1, 3, 24.9, 25, 60, 1099, 8261, 1e6])
def test_axes_have_few_round_numbers_up_to_the_end(end: float) -> None:
    ticks = charts._ticks(end)
    assert ticks[0] == 0
    assert ticks[-2] < end <= ticks[-1] * (1 + 1e-9)
    assert 3 <= len(ticks) <= 7


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1007.4, "1,007"),
        (24.37, "24.4"),
        (0.7691, "0.769"),
        (0.01234, "0.012"),
        (5.7e8, "5.7e+08"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_with_the_digits_that_count(value: float, words: str) -> None:
    assert numbers.written(value) == words


@pytest.mark.slow
def test_a_browser_shows_all_of_the_page(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    page_of(tmp_path, result())
    args = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    size = ["--window-size=1200,1000", f"--screenshot={tmp_path / 'seen.png'}"]
    subprocess.run(
        [browser, *args, *size, (tmp_path / "page.html").as_uri()], check=True, capture_output=True, timeout=100
    )
    seen = np.asarray(Image.open(tmp_path / "seen.png").convert("RGB")).astype(int)
    assert seen.shape[:2] == (1000, 1200)
    colourful = np.ptp(seen[500:], axis=2) > 60  # outlines
    assert colourful.mean() > 0.001
