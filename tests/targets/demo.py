"""What 'make demo' profiles: reads the sources of Python's standard library,
indexes their words, answers questions about them, keeps them in a database and
writes a report, with a second thread that packs what the first one has made.

A program like many: somewhere in it most of its time is lost, and reading it
does not tell where. Its flame graph does. Takes about 5 seconds.
"""
import collections
import difflib
import json
import keyword
import os
import queue
import re
import sys
import textwrap
import threading
import time
import zlib

try:
    import sqlite3
except ImportError:  # a Python built without it
    sqlite3 = None

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]+")
DEFINITION = re.compile(r"^\s*(?:def|class)\s+(\w+)", re.MULTILINE)
QUESTIONS = ["open a file and read lines", "lock for threads",
             "parse the command line", "compress data", "match a pattern",
             "walk over a tree of folders", "format a date as text"]


class Library:
    """Files in, words and definitions out."""

    def __init__(self):
        self.files = {}
        self.words = {}
        self.postings = collections.defaultdict(set)
        self.definitions = collections.defaultdict(list)

    def add(self, path):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        name = os.path.basename(path)
        self.files[name] = text
        self.words[name] = self.count(text)
        for word in self.words[name]:
            self.postings[word].add(name)
        for match in DEFINITION.finditer(text):
            self.definitions[match.group(1)].append(name)

    def count(self, text):
        counts = collections.Counter()
        for match in WORD.finditer(text):
            word = match.group(0).lower()
            if not keyword.iskeyword(word):
                counts[stem(word)] += 1
        return counts


def stem(word):
    for end in ("ing", "ed", "es", "s"):
        if word.endswith(end) and len(word) > len(end) + 3:
            return word[:-len(end)]
    return word


def answer(library, question):
    """The files that fit best, each with its most similar definition."""
    words = [stem(word) for word in question.split()]
    hits = collections.Counter()
    for word in words:
        for name in library.postings.get(word, ()):
            hits[name] += library.words[name][word] / (
                1.0 + len(library.postings[word]))
    return [(name, round(score, 3), closest(library, words))
            for name, score in hits.most_common(3)]


def closest(library, words):
    """The culprit: compares each word with every name that there is."""
    best, best_ratio = "", 0.0
    for name in list(library.definitions)[:500]:
        for word in words:
            ratio = similarity(word, name.lower())
            if ratio > best_ratio:
                best, best_ratio = name, ratio
    return best


def similarity(left, right):
    return difflib.SequenceMatcher(None, left, right).ratio()


class Store:
    def __init__(self):
        self.base = sqlite3.connect(":memory:") if sqlite3 else None
        if self.base:
            self.base.execute(
                "create table words (file text, word text, count integer)")

    def save(self, library):
        if self.base:
            self.base.execute("delete from words")
            self.base.executemany(
                "insert into words values (?, ?, ?)",
                ((name, word, count)
                 for name, counts in library.words.items()
                 for word, count in counts.items()))

    def top(self):
        if not self.base:
            return []
        return self.base.execute(
            "select word, sum(count), count(distinct file) from words "
            "group by word order by 2 desc limit 15").fetchall()


class Packer(threading.Thread):
    """Compresses reports while the main thread makes the next one."""

    def __init__(self):
        super().__init__(name="packer", daemon=True)
        self.todo = queue.Queue(maxsize=4)
        self.taken = self.made = 0

    def run(self):
        while True:
            text = self.todo.get()
            if text is None:
                return
            data = text.encode("utf-8")
            self.taken += len(data)
            self.made += len(zlib.compress(data * 5, 9))


def render(library, store, answers):
    page = {"files": len(library.files), "top": store.top(),
            "answers": answers,
            "names": {name: counts.most_common(20)
                      for name, counts in library.words.items()}}
    text = json.dumps(page, indent=2, sort_keys=True)
    return "\n".join(textwrap.fill(line, 60) for line in text.splitlines())


def main():
    began = time.monotonic()
    folder = os.path.dirname(os.__file__)
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder)
                   if name.endswith(".py"))[:60]
    packer = Packer()
    packer.start()
    rounds = 0
    while time.monotonic() - began < SECONDS:
        library, store = Library(), Store()
        for path in paths:
            library.add(path)
        store.save(library)
        answers = {question: answer(library, question)
                   for question in QUESTIONS}
        packer.todo.put(render(library, store, answers))
        rounds += 1
    packer.todo.put(None)
    packer.join()
    print("%d rounds over %d files, %d kB of reports packed" % (
        rounds, len(paths), packer.taken // 1024))


if __name__ == "__main__":
    main()
