#!/usr/bin/env python3
"""Uses a flame graph as a person does, in headless Chromium.

    test_svg.py MAKE_SVG          the made-up graphs of build/tests/make_svg
    test_svg.py FILE.svg ...      graphs that the program made
    --pictures FOLDER             leaves screenshots there

What the browser shows is compared with sums made here from the file's own
numbers. Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a line.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser as webdriver  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
HEAD = 92


class Cell:
    """A cell as the file says, before any script."""

    def __init__(self, index, g):
        start, total, depth = g.get("data-c").split()
        title = g.find(SVG + "title").text
        self.index = index
        self.start, self.total = int(start), int(total)
        self.depth = int(depth)
        self.label, self.facts = title.rsplit("\n", 1)
        self.hidden = g.get("class") == "h"
        self.parent, self.children = None, []

    @property
    def samples(self):
        found = re.search(r"([\d,]+) samples?, ", self.facts)
        return int(found.group(1).replace(",", ""))

    @property
    def self_samples(self):
        found = re.search(r"([\d,]+) (self|outermost)$", self.facts)
        return int(found.group(1).replace(",", "")) if found else 0

    def within(self, other):
        c = self
        while c and c is not other:
            c = c.parent
        return c is other


def read_cells(path):
    cells, way = [], []
    box = ElementTree.parse(path).getroot().find(SVG + "g[@class='cells']")
    for g in box:
        c = Cell(len(cells), g)
        del way[c.depth:]
        if way:
            c.parent = way[-1]
            c.parent.children.append(c)
        way.append(c)
        cells.append(c)
    return cells


def share_of(cells, pattern, top, flags=0):
    """Samples within `top` below any match, each once, in percent."""
    def matched(c):
        return c.index and not c.hidden and re.search(pattern, c.label, flags)

    def total(c):
        if matched(c):
            return c.total
        return sum(total(child) for child in c.children)

    c = top
    while c:
        if matched(c):
            return 100.0
        c = c.parent
    return 100.0 * total(top) / top.total


class Page:
    """One graph in the browser."""

    def __init__(self, b, path):
        self.b = b
        self.path = os.path.abspath(path)
        self.url = pathlib.Path(self.path).as_uri()
        self.cells = read_cells(path)
        self.root = self.cells[0]

    def load(self, hash_=""):
        self.b.open("about:blank")
        self.b.open(self.url + hash_)

    def boxes(self):
        """[x, y, width, shown, text, columns] of all cells."""
        return self.b.run("""
            return Array.from(document.querySelectorAll('.cells > g'), g => {
                const r = g.querySelector('rect').getBoundingClientRect();
                const t = g.querySelector('text');
                return [r.x, r.y, r.width,
                        getComputedStyle(g).display !== 'none',
                        t ? t.textContent : '',
                        t ? t.getComputedTextLength() : 0];
            });""")

    def box(self, c):
        return self.boxes()[c.index]

    def hash(self):
        return self.b.run("return location.hash")

    def middle(self, c):
        """Of the part of the cell in the window."""
        return self.b.run("""
            const g = document.querySelectorAll('.cells > g')[arguments[0]];
            const rect = g.querySelector('rect');
            let r = rect.getBoundingClientRect();
            if (r.top < arguments[1] || r.bottom > innerHeight) {
                rect.scrollIntoView({block: 'center'});
                r = rect.getBoundingClientRect();
            }
            return [r.x + r.width / 2, r.y + r.height / 2];""",
                          c.index, HEAD)

    def click(self, c):
        self.b.point(*self.middle(c), click=True)

    def press(self, text):
        x, y = self.b.run("""
            const b = Array.from(document.querySelectorAll('button'))
                .find(e => e.textContent === arguments[0]);
            const r = b.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2];""", text)
        self.b.point(x, y, click=True)

    def share(self):
        """What the search says, without what is hidden."""
        return re.sub(r" \([\d.]+ % hidden\)", "", self.whole_share())

    def whole_share(self):
        return self.b.run(
            "return document.querySelector('.share').textContent")

    def focused(self):
        i = self.b.run("""
            return Array.from(document.querySelectorAll('.cells > g'))
                .indexOf(document.activeElement);""")
        return self.cells[i] if i >= 0 else None

    def wide_path(self):
        """The root, its widest child, that one's widest child and so on."""
        way = [self.root]
        while True:
            below = [c for c in way[-1].children if not c.hidden]
            if not below:
                return way
            way.append(max(below, key=lambda c: c.total))


def near(a, b, within=1.2):
    return abs(a - b) <= within


def expect(truth, why, *values):
    if not truth:
        raise AssertionError(why % values if values else why)


# ---- the checks: each starts from a fresh page ----

def check_script_runs(p):
    n = p.b.run("""return document.querySelectorAll(
        '.cells > g[role=treeitem][aria-level][tabindex]').length""")
    expect(n == len(p.cells), "%d of %d cells are tree items", n, len(p.cells))
    expect(p.b.run("return document.querySelector('.cells')"
                   ".getAttribute('role')") == "tree", "no tree")
    expect(not p.b.errors(), "the console has errors")


def check_nothing_from_the_network(p):
    names = p.b.run("return performance.getEntriesByType('resource')"
                    ".map(e => e.name)")
    expect(not names, "fetched %s", names)
    source = open(p.path, encoding="utf-8").read()
    for word in ("@import", "url(", "xlink", "fetch(", "XMLHttp", "innerHTML"):
        expect(word not in source, "'%s' in the file", word)


def check_totals_are_exact(p):
    """Every sample is somewhere: in a child, in a hidden cell, or self."""
    for c in p.cells:
        expect(c.samples == c.total, "%s says %d, is %d wide", c.label,
               c.samples, c.total)
        below = sum(child.total for child in c.children)
        if not c.hidden:
            expect(below + c.self_samples == c.total,
                   "%s: %d below and %d self of %d", c.label, below,
                   c.self_samples, c.total)
        at = c.start
        for child in c.children:
            expect(child.start == at, "a gap before %s", child.label)
            at += child.total


def check_tooltips(p):
    tips = p.b.run("""return Array.from(
        document.querySelectorAll('.cells > g > title'),
        t => t.textContent)""")
    c = p.wide_path()[-1]
    want = "%s\n%s" % (c.label, c.facts)
    expect(tips[c.index] == want, "'%s' is not '%s'", tips[c.index], want)
    share = "%.2f %%" % (100.0 * c.total / p.root.total)
    expect(share in c.facts, "no %s in '%s'", share, c.facts)
    expect(re.search(r"\d (s|ms|us|min)\b", c.facts), "no time in '%s'",
           c.facts)


def check_hover_tells(p):
    c = p.wide_path()[-1]
    p.b.point(*p.middle(c))
    text = p.b.run("return document.querySelector('.status').textContent")
    expect(text.startswith(c.label[:20]), "'%s' for '%s'", text, c.label)
    expect("%d" % c.total in text.replace(",", "") or text.endswith("\u2026"),
           "no samples in '%s'", text)


def check_zoom_and_back(p):
    way = p.wide_path()
    top = way[len(way) // 2]
    before = p.boxes()
    p.click(top)
    boxes = p.boxes()
    full = before[0][2]
    expect("zoom=%d" % top.index in p.hash(), "address is '%s'", p.hash())
    for c in p.cells:
        x, _, w, shown = boxes[c.index][:4]
        if c.within(top) or top.within(c):
            expect(shown, "%s is not shown", c.label)
        else:
            expect(not shown, "%s is still shown", c.label)
        if top.within(c):
            expect(near(w, full), "%s has %g of %g", c.label, w, full)
        elif c.within(top):
            want = full * c.total / top.total
            expect(near(w, want), "%s has %g, not %g", c.label, w, want)
            at = before[0][0] + full * (c.start - top.start) / top.total
            expect(near(x, at), "%s is at %g, not %g", c.label, x, at)
    p.b.call("POST", p.b.session + "/back", {})
    expect(p.b.until("return !location.hash.includes('zoom')"),
           "still zoomed: %s", p.hash())
    back = p.b.until("""return Math.abs(document.querySelectorAll(
        '.cells > g rect')[arguments[0]].getBoundingClientRect().width -
        arguments[1]) < 1""", top.index, before[top.index][2])
    expect(back, "going back did not zoom out")


def check_zoom_out_through_ancestor(p):
    way = p.wide_path()
    p.click(way[-1])
    expect("zoom=%d" % way[-1].index in p.hash(), "zoom in: %s", p.hash())
    up = way[1]
    p.click(up)
    expect(re.search(r"zoom=%d\b" % up.index, p.hash()), "zoom out: %s",
           p.hash())
    expect(near(p.box(up)[2], p.box(p.root)[2]), "not the full width")
    p.click(p.root)
    expect("zoom" not in p.hash(), "the root keeps %s", p.hash())


def check_reset(p):
    before = p.boxes()
    way = p.wide_path()
    for how in ("key", "button"):
        p.click(way[-1])
        expect("zoom=" in p.hash(), "did not zoom")
        if how == "key":
            p.b.keys("Escape")
        else:
            p.press("Reset zoom")
        expect("zoom" not in p.hash(), "%s: still %s", how, p.hash())
        after = p.boxes()
        for a, b in zip(before, after):
            expect(near(a[0], b[0], 0.1) and near(a[2], b[2], 0.1) and b[3],
                   "%s: not as before", how)
    hidden = p.b.run("""return Array.from(document.querySelectorAll('button'))
        .find(e => e.textContent === 'Reset zoom').hidden""")
    expect(hidden, "the button stays")


def word_of(p):
    """A word of a cell that is not the widest of all."""
    way = p.wide_path()
    return re.match(r"\W*\w+", way[len(way) * 2 // 3].label).group(0)


def check_search(p):
    word = word_of(p)
    pattern = re.escape(word)
    want = share_of(p.cells, pattern, p.root)
    p.b.keys("f", held="Control")
    p.b.type(pattern)
    expect("%.2f %% matched" % want == p.share(), "'%s', not %.2f", p.share(),
           want)
    hits = p.b.run("""return Array.from(
        document.querySelectorAll('.cells > g')).map((g, i) => [i, g])
        .filter(x => x[1].classList.contains('hit')).map(x => x[0])""")
    should = [c.index for c in p.cells
              if c.index and not c.hidden and re.search(pattern, c.label)]
    expect(hits == should, "%d cells marked, %d match", len(hits), len(should))
    colours = p.b.run("""return Array.from(
        document.querySelectorAll('.hit rect'),
        r => getComputedStyle(r).fill).filter((c, i, a) =>
        a.indexOf(c) === i)""")
    expect(len(colours) == 1, "marked in %s", colours)
    p.b.keys("Escape")
    expect(p.share() == "" and "search" not in p.hash(), "Esc keeps it")
    expect(not p.b.run("return document.querySelectorAll('.hit').length"),
           "marks stay")


def check_search_in_zoom(p):
    way = p.wide_path()
    top = way[len(way) // 3]
    p.click(top)
    p.b.keys("F3")
    pattern = re.escape(word_of(p))
    p.b.type(pattern)
    want = "%.2f %% of zoom matched, %.2f %% of all" % (
        share_of(p.cells, pattern, top), share_of(p.cells, pattern, p.root))
    if top is p.root:
        want = "%.2f %% matched" % share_of(p.cells, pattern, top)
    expect(p.share() == want, "'%s' is not '%s'", p.share(), want)


def check_search_button_and_case(p):
    word = word_of(p).swapcase()
    pattern = re.escape(word)
    p.press("Search")
    p.b.type(pattern)
    strict = "%.2f %% matched" % share_of(p.cells, pattern, p.root)
    expect(p.share() == strict, "'%s' is not '%s'", p.share(), strict)
    p.press("Ignore case")
    loose = "%.2f %% matched" % share_of(p.cells, pattern, p.root,
                                         re.IGNORECASE)
    expect(p.share() == loose, "'%s' is not '%s'", p.share(), loose)
    expect(loose != strict, "case makes no difference for '%s'", word)
    expect("case=ignore" in p.hash(), "address is '%s'", p.hash())


def check_bad_expression(p):
    p.b.keys("F3")
    p.b.type("parse(")
    expect(p.share() == "not a regular expression", "'%s'", p.share())
    expect(not p.b.run("return document.querySelectorAll('.hit').length"),
           "marks for a bad expression")
    expect(not p.b.errors(), "the console has errors")


def check_keyboard(p):
    way = p.wide_path()
    p.b.keys("Home")
    expect(p.focused() is p.root, "Home is not the root")
    for c in way[1:4]:
        p.b.keys("ArrowDown")
        expect(p.focused() is c, "down is '%s', not '%s'",
               p.focused().label, c.label)
    ring = p.b.run("""const r = document.querySelector('.ring');
        return [r.style.display !== 'none',
                r.getBoundingClientRect().width]""")
    expect(ring[0] and near(ring[1], p.box(p.focused())[2], 4),
           "the focus cannot be seen: %s", ring)
    p.b.keys("ArrowUp")
    expect(p.focused() is way[min(3, len(way) - 1) - 1], "up is not up")
    at = p.focused()
    p.b.keys("Enter")
    expect(re.search(r"zoom=%d\b" % at.index, p.hash()), "Enter: %s", p.hash())
    p.b.keys("Escape")
    expect("zoom" not in p.hash(), "Esc: %s", p.hash())
    row = sorted((c for c in p.cells if c.depth == 2), key=lambda c: c.start)
    p.b.keys("Home", "ArrowDown", "ArrowDown")
    i = row.index(p.focused())
    for key, back, beside in (("ArrowRight", "ArrowLeft", i + 1),
                              ("ArrowLeft", "ArrowRight", i - 1)):
        p.b.keys(key)
        if 0 <= beside < len(row):
            expect(p.focused() is row[beside], "%s is elsewhere", key)
            p.b.keys(back)
        expect(p.focused() is row[i], "%s does not lead back", back)


def check_focus_has_a_name(p):
    p.b.keys("Home", "ArrowDown")
    e = p.b.run("return document.activeElement")
    path = "/element/%s/" % e[webdriver.ELEMENT]
    label = p.b.get(path + "computedlabel")
    expect(p.focused().label.split(" ")[0] in label, "it is called '%s'",
           label)
    expect(p.b.get(path + "computedrole") == "treeitem", "its role is '%s'",
           p.b.get(path + "computedrole"))


def check_address_restores(p):
    way = p.wide_path()
    top = way[len(way) // 2]
    p.click(top)
    p.b.keys("F3")
    p.b.type(word_of(p))
    p.press("Ignore case")
    p.press("Flip")
    boxes, share, where = p.boxes(), p.share(), p.hash()
    p.b.post("/refresh")
    expect(p.hash() == where, "the address changed")
    expect(p.share() == share, "'%s' was '%s'", p.share(), share)
    for a, b in zip(boxes, p.boxes()):
        expect(a[3] == b[3], "other cells")
        expect(near(a[0], b[0], 0.1) and near(a[2], b[2], 0.1), "elsewhere")
        expect(a[4] == b[4], "'%s' was '%s'", b[4], a[4])
    pressed = p.b.run("""return Array.from(
        document.querySelectorAll('button[aria-pressed=true]'),
        e => e.textContent)""")
    expect(sorted(pressed) == ["Flip", "Ignore case", "Search"], "%s", pressed)


def check_odd_address(p):
    hidden = [c.index for c in p.cells if c.hidden]
    for at in ["-1", "1.5", "99999999", "x", "%00", "__proto__"] + hidden[:1]:
        p.load("#zoom=%s&search=%%28&case=7&view=no" % at)
        expect(p.box(p.root)[3] and near(p.box(p.root)[2], 1168, 3),
               "zoom=%s is not the root", at)
    expect(not p.b.errors(), "the console has errors")


def check_orientation(p):
    def rows():
        boxes = p.boxes()
        return [boxes[c.index][1] for c in p.wide_path()]

    y = rows()
    expect(y == sorted(y), "the root is not on top")
    p.press("Flip")
    y = rows()
    expect(y == sorted(y, reverse=True), "the root is not at the bottom")
    expect("view=flame" in p.hash(), "address is '%s'", p.hash())
    p.b.keys("Home", "ArrowUp")
    expect(p.focused() is p.wide_path()[1], "up is not the child")
    p.press("Flip")
    expect("view" not in p.hash() and rows() == sorted(rows()), "no way back")


def check_flame(p):
    """Root at the bottom, and in sight, without a word in the address."""
    def rows():
        boxes = p.boxes()
        return [boxes[c.index][1] for c in p.wide_path()]

    rects = ElementTree.parse(p.path).getroot().findall(
        "%sg[@class='cells']/%sg/%srect" % (SVG, SVG, SVG))
    drawn = [float(rects[c.index].get("y")) for c in p.wide_path()]
    expect(drawn == sorted(drawn, reverse=True), "without a script: on top")
    expect(rows() == sorted(rows(), reverse=True), "the root is on top")
    expect("view" not in p.hash(), "address is '%s'", p.hash())
    p.b.size(1200, 300)
    p.load()
    bottom = p.b.run("return innerHeight")
    expect(0 < p.box(p.root)[1] < bottom, "the root is out of sight")
    top = p.b.until("""const r = document.querySelector('.head .back')
        .getBoundingClientRect(); return Math.abs(r.top) < 1""")
    expect(top, "the header is not where one looks")
    p.b.size(1200, 900)
    p.load()
    p.b.keys("Home", "ArrowUp")
    expect(p.focused() is p.wide_path()[1], "up is not the child")
    p.press("Flip")
    expect("view=icicle" in p.hash(), "address is '%s'", p.hash())
    expect(rows() == sorted(rows()), "Flip does not put the root on top")
    p.b.post("/refresh")
    expect(rows() == sorted(rows()), "not remembered")
    p.press("Flip")
    expect("view" not in p.hash(), "address is '%s'", p.hash())
    expect(not p.b.errors(), "the console has errors")


def check_reversed(p):
    """What ran is next to the root, its callers beyond it."""
    text = p.b.run("return document.querySelector('.details title')"
                   ".textContent")
    expect(text.startswith("reversed: from what ran to its callers"),
           "no word of it: '%s'", text)
    expect(p.root.total == 527, "%d samples", p.root.total)
    first = {c.label for c in p.root.children}
    expect(not any(label.startswith("<module>") for label in first),
           "the outermost function is next to the root: %s", first)
    last = p.wide_path()[-1]
    expect(last.self_samples == last.total, "'%s' does not end", last.label)


def check_search_leaves_hidden_out(p):
    """What is hidden has no name; zoomed in, its cell has its share."""
    hidden = [c for c in p.cells if c.hidden]
    p.load("#search=hidden")
    unknown = 100.0 * sum(c.total for c in hidden) / p.root.total
    want = "0.00 %% matched (%.2f %% hidden)" % unknown
    expect(p.whole_share() == want, "'%s' is not '%s'", p.whole_share(), want)
    p.load("#search=.")
    below = sum(c.total for c in p.root.children if c.hidden)
    want = "%.2f %% matched" % (100 - 100.0 * below / p.root.total)
    expect(p.share() == want, "'%s' is not '%s'", p.share(), want)
    c = max(hidden, key=lambda c: c.total / c.parent.total)
    if c.parent is p.root:
        return
    p.load("#zoom=%d&search=hidden" % c.parent.index)
    want = "0.00 %% of zoom matched (%.2f %% hidden), 0.00 %% of all" % (
        100.0 * sum(h.total for h in hidden if h.within(c.parent)) /
        c.parent.total)
    expect(p.whole_share() == want, "'%s' is not '%s'", p.whole_share(), want)
    p.load("#zoom=%d" % c.parent.index)
    full = p.box(p.root)[2]
    box = p.box(c)
    expect(box[3] and near(box[2], full * c.total / c.parent.total),
           "%g wide, not %g", box[2], full * c.total / c.parent.total)
    if box[2] > 100:
        expect("hidden)" in box[4], "its text is '%s'", box[4])
    p.b.point(*p.middle(c))
    text = p.b.run("return document.querySelector('.status').textContent")
    expect("hidden" in text, "'%s'", text)
    p.click(c)
    expect(re.search(r"zoom=%d\b" % c.parent.index, p.hash()),
           "a click on it went to %s", p.hash())
    expect(not p.b.errors(), "the console has errors")


def check_resize(p):
    for width in (800, 500, 1600):
        p.b.size(width, 900)
        expect(p.b.until("""return Math.abs(document.documentElement
            .viewBox.baseVal.width - arguments[0]) < 20""", width),
            "not laid out for %d", width)
        boxes = p.boxes()
        right = p.b.run("return document.documentElement.clientWidth || "
                        "innerWidth")
        for x, _, w, shown, text, length in boxes:
            expect(x >= 15 and x + w <= right - 14, "outside of %d", width)
            expect(not text or length <= w, "'%s' is wider than its cell",
                   text)
        # Whoever has the room has a text.
        expect(boxes[0][4] == "all", "the root has no text")
        for line in ("name", "details"):
            end = p.b.run("""return document.querySelector(
                '.' + arguments[0] + ' text').getBoundingClientRect().right""",
                line)
            expect(end <= right, "%s is cut off at %d", line, width)
        covered = p.b.run("""
            const b = document.querySelector('.name text')
                .getBoundingClientRect();
            return Array.from(document.querySelectorAll('button'))
                .map(e => e.getBoundingClientRect())
                .some(r => r.width && r.left < b.right && r.top < b.bottom)""")
        expect(not covered, "buttons over the title at %d", width)


def check_hidden_cells(p):
    hidden = [c for c in p.cells if c.hidden]
    if not hidden:
        return "nothing is hidden in this graph"
    for c in hidden:
        expect(re.fullmatch(r"\([\d,]+ hidden\)", c.label), "'%s'", c.label)
    c = max(hidden, key=lambda c: c.total)
    p.click(c)
    expect("zoom" not in p.hash(), "zoomed into nothing: %s", p.hash())
    fill = p.b.run("""return getComputedStyle(document.querySelectorAll(
        '.cells > g rect')[arguments[0]]).fill""", c.index)
    r, g, b = map(int, re.findall(r"\d+", fill)[:3])
    expect(max(r, g, b) - min(r, g, b) < 16, "%s is not grey", fill)
    return None


def check_header_stays(p):
    p.b.size(1200, 200)
    p.b.run("window.scrollTo(0, 100)")
    moved = p.b.until("return window.scrollY")
    if not moved:
        return "the graph fits the window"
    top = p.b.until("""const r = document.querySelector('.head .back')
        .getBoundingClientRect(); return Math.abs(r.top) < 1""")
    expect(top, "the header scrolled away")
    return None


CHECKS = [
    check_script_runs, check_nothing_from_the_network, check_totals_are_exact,
    check_tooltips, check_hover_tells, check_zoom_and_back,
    check_zoom_out_through_ancestor, check_reset, check_search,
    check_search_in_zoom, check_search_button_and_case, check_bad_expression,
    check_keyboard, check_focus_has_a_name, check_address_restores,
    check_odd_address, check_orientation, check_resize, check_header_stays,
]


# ---- checks of particular made-up graphs ----

def check_markup_stays_text(p):
    for c in list(p.cells):
        if not c.hidden:
            p.b.point(*p.middle(c))
    p.b.keys("F3")
    p.b.type("<script>")
    p.b.keys("Escape")
    p.click(p.wide_path()[-1])
    expect(p.b.run("return typeof window.pwned") == "undefined",
           "a name of the program ran as a script: %s",
           p.b.run("return window.pwned"))
    n = p.b.run("return document.querySelectorAll('script').length")
    expect(n == 1, "%d scripts", n)
    expect(not p.b.run("return document.querySelectorAll('img').length"),
           "a name became an element")
    expect(not p.b.errors(), "the console has errors")
    labels = [c.label for c in p.cells]
    expect("</title><script>window.pwned=1</script>" in " ".join(labels),
           "the name is not there as text")


def check_known_numbers(p):
    expect(p.root.total == 527, "%d samples", p.root.total)
    text = p.b.run("return document.querySelector('.details title')"
                   ".textContent")
    for part in ("527 of 902 samples", "375 idle left out",
                 "3 partial (moving 3)", "12 lost (moving 9, read 3)",
                 "CPython 3.11.2"):
        expect(part in text, "no '%s' in '%s'", part, text)
    p.load("#search=%5Efib%20")
    expect(p.share() == "7.59 % matched", "recursion counts as '%s'",
           p.share())


def check_states(p):
    """What threads waited for, and how much of the time they did."""
    waits = {c.label: c for c in p.cells if re.match(r"\[.*\]$", c.label)}
    for label, samples in (("[wait: timer]", 200), ("[wait: GIL]", 20),
                           ("[wait: socket 10.0.0.7:5432]", 55)):
        expect(label in waits and waits[label].total == samples,
               "%s among %r", label, sorted(waits))
    for c in waits.values():
        expect(not c.children, "'%s' is no leaf", c.label)
        red, green, blue = re.findall(r"\d+", p.b.run(
            "return getComputedStyle(document.querySelectorAll('.cells > g')"
            "[%d].querySelector('rect')).fill" % c.index))[:3]
        expect(int(green) + 20 < min(int(red), int(blue)),
               "'%s' has a colour of Python code: %s", c.label,
               (red, green, blue))

    def shown():
        return p.b.run(
            "return ['.legend', '.doing', '.status'].map(name => {"
            "  const e = document.querySelector('.head ' + name);"
            "  return e.getBBox().width > 0 && "
            "getComputedStyle(e).display !== 'none'; })")

    expect("58 % on CPU, 42 % waiting" in p.b.run(
        "return document.querySelector('.doing text').textContent"),
        "no word about states")
    expect(shown() == [True, True, False], "at first: %r", shown())
    p.b.keys("Home", "ArrowDown")
    expect(shown() == [False, False, True], "on a cell: %r", shown())
    p.b.size(700, 900)
    p.load()
    expect(shown() == [True, False, False], "with less room: %r", shown())
    expect(not p.b.errors(), "the console has errors")


def check_empty_graph(p):
    expect(len(p.cells) == 1 and p.root.total == 0, "not empty")
    expect(near(p.box(p.root)[2], 1168, 3), "no root")
    p.b.keys("F3")
    p.b.type("a")
    expect(p.share() == "0.00 % matched", "'%s'", p.share())
    p.click(p.root)
    p.b.keys("Home", "ArrowDown", "ArrowRight", "ArrowUp", "Enter", "Escape")
    expect(not p.b.errors(), "the console has errors")


MADE = {
    "server": CHECKS + [check_known_numbers],
    "threads": CHECKS,
    "states": CHECKS + [check_states],
    "narrow": CHECKS + [check_hidden_cells, check_search_leaves_hidden_out],
    "server-flame": [check_script_runs, check_totals_are_exact, check_search,
                     check_zoom_and_back, check_reset, check_flame,
                     check_resize],
    "server-reversed": CHECKS + [check_reversed],
    "narrow-reversed": CHECKS + [check_hidden_cells,
                                 check_search_leaves_hidden_out],
    "hostile": [check_script_runs, check_totals_are_exact,
                check_markup_stays_text, check_resize],
    "empty": [check_script_runs, check_empty_graph],
}


class Runner:
    def __init__(self):
        self.failed = 0

    def one(self, page, name, check):
        try:
            page.b.size(1200, 900)
            page.load()
            page.b.errors()
            why = check(page)
            print("skip %s: %s" % (name, why) if why else "ok %s" % name)
        except Exception as e:  # the next check is still worth running
            self.failed += 1
            print("not ok %s: %s" % (name, str(e).split("\n")[0]))
        sys.stdout.flush()

    def graph(self, b, label, path, checks):
        page = Page(b, path)
        for check in checks:
            self.one(page, "svg %s: %s" % (
                label, check.__name__[6:].replace("_", " ")), check)


def make(tool, folder, kind):
    path = os.path.join(folder, kind + ".svg")
    with open(path, "wb") as out:
        subprocess.run([tool, "svg", kind], stdout=out, check=True)
    return path


def pictures(b, folder, path):
    name = os.path.basename(path)[:-4]
    page = Page(b, path)
    way = page.wide_path()
    at = way[len(way) // 2].index
    for width in (1200, 800):
        b.size(width, 600)
        for what, hash_ in (("plain", ""), ("zoom", "#zoom=%d" % at), (
                "search", "#search=" + word_of(page)), (
                "flame", "#view=flame")):
            page.load(hash_)
            b.picture("%s/%s-%s-%d.png" % (folder, name, what, width))
    page.load()
    b.keys("Home", "ArrowDown", "ArrowDown")
    b.picture("%s/%s-focus.png" % (folder, name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", metavar="FOLDER")
    parser.add_argument("paths", nargs="+", metavar="MAKE_SVG | FILE.svg")
    options = parser.parse_args()
    driver, chromium = webdriver.find()
    if not driver or not chromium:
        print("skip svg: %s is absent" % (
            "chromium" if not chromium else "chromedriver"))
        return 0
    runner = Runner()
    b = webdriver.Browser(driver, chromium)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for path in options.paths:
                if path.endswith(".svg"):
                    graphs = [(os.path.basename(path), path,
                               CHECKS + [check_hidden_cells])]
                else:
                    graphs = [(kind, make(path, folder, kind), checks)
                              for kind, checks in MADE.items()]
                for label, file, checks in graphs:
                    runner.graph(b, label, file, checks)
                    if options.pictures and len(checks) >= len(CHECKS):
                        pictures(b, options.pictures, file)
    finally:
        b.close()
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
