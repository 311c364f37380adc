"""The HTML report: whole, readable by machines too, and in need of nothing outside."""

import base64
import re
from html.parser import HTMLParser

import pytest

from convkit.bench import Case, Cell, Timing, html, report
from convkit.bench.roofline import Roof

ROOF = Roof(workers=1, dtype="float32", compute=1e11, memory=1e10, cached=5e10, cache=1 << 20)
VOID = {"meta", "img"}


def cells():
    times = {"direct": Timing.of([1e-3]), "fft": Timing.of([2e-3]), "auto": Timing.of([1e-3]), "opencv": Timing.of([3e-3])}
    good = Cell(Case(2, 100, 5), pick="direct", agreement=0.5, times=times, skipped={"separable": "rank 3"},
                variants={"opencv": "cv2.filter2D"})
    other = Cell(Case(2, 100, 9), pick="fft", agreement=0.5, times={**times, "direct": Timing.of([4e-3])})
    other.variants = {"opencv": "cv2.<filter>"}
    wrong = Cell(Case(3, 8, 3), pick="direct", agreement=7.0, worst="direct and <fft>")
    return [good, other, wrong]


@pytest.fixture
def page():
    found = report.document(cells(), {"workers": 1, "full": False, "repeats": None, "missing": ["torch"]}, ROOF)
    found["machine"]["processor"] = "<script>alert(1)</script> & Co"
    return html.page(cells(), ("opencv",), ROOF, found)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture
def read(page):
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_it_needs_nothing_outside(page, read):
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[\w+/=]+", "", page))
    tags = [tag for tag, _ in read.tags]
    assert not {"script", "link", "iframe", "object"} & set(tags)


def test_pictures_are_embedded_and_described(read):
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    assert len(images) == 3  # crossover, ratios, roof
    for image in images:
        head, _, code = image["src"].partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(code)[:4] == b"\x89PNG"
        assert len(image["alt"]) > 30


def test_it_can_be_read_aloud(read):
    assert ("html", {"lang": "en"}) in read.tags
    tables = [tag for tag, _ in read.tags].count("table")
    assert tables == [tag for tag, _ in read.tags].count("caption") == 2 + 3
    scopes = {attributes.get("scope") for tag, attributes in read.tags if tag == "th"}
    assert scopes == {"row", "col"}


def test_it_holds_times_ratios_roof_machine_and_what_is_missing(read):
    text = " ".join(read.text)
    for words in ("gaussian 5x5", "rank 3", "3.00 x (cv2.filter2D)", " % ", "numpy", "100 GF/s",
                  "torch is not installed", "2-D: camera, 100 x 100 samples", "as by default"):
        assert words in text, words
    assert "WRONG: direct and <fft> differ by 7 times the bound" in text


def test_names_are_escaped(page, read):
    assert "<script>" not in page
    assert "<script>alert(1)</script> & Co" in "".join(read.text)
    assert "cv2.<filter>" in "".join(read.text)


def test_rows_have_as_many_cells_as_the_head(page):
    for table in re.findall(r"<table><caption>[^<]*samples.*?</table>", page, re.DOTALL):
        head, *rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        count = len(re.findall(r"<th", head))
        for row in rows:
            spans = [int(n) for n in re.findall(r'colspan="(\d+)"', row)]
            assert len(re.findall(r"<t[hd]", row)) + sum(spans) - len(spans) == count


def test_without_rivals_and_roof_there_is_one_picture():
    found = report.document(cells()[:1], {"workers": None})
    text = html.page(cells()[:1], (), None, found)
    assert text.count("<img") == 1
    assert "Roof" not in text
    assert "opencv, ms" not in text


def test_where_all_is_wrong_there_is_no_picture_but_a_page():
    found = report.document(cells()[2:], {})
    text = html.page(cells()[2:], ("opencv",), ROOF, found)
    assert "<img" not in text
    assert "WRONG" in text
