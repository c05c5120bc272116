"""A small but real service: full-text search and statistics over HTTP, JSON
out, a pool of threads, an index in memory and, where there is one, an SQLite
database. Prints {"port": N, "pid": N} once it listens; when its standard input
ends it stops and prints {"served": N, "failed": N}. Runs on 2.7 and 3.6+.

    GET /search?q=import+path     the best documents for the words
    GET /stats?prefix=co          counts by word, from the database
    POST /tokens                  the words of the text that was sent
    GET /report                   a page of all documents
"""
from __future__ import print_function

import collections
import glob
import io
import json
import math
import os
import re
import string
import sys
import threading

try:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from queue import Queue
    from urllib.parse import parse_qs, urlsplit
except ImportError:  # 2.7
    from BaseHTTPServer import BaseHTTPRequestHandler, HTTPServer
    from Queue import Queue
    from urlparse import parse_qs, urlsplit
try:
    import sqlite3
except ImportError:  # built without it
    sqlite3 = None

WORD = re.compile(r"[A-Za-z_]{2,}")
POOL = 4
FILES = 120


def words_of(text):
    return [match.group(0).lower() for match in WORD.finditer(text)]


class Document(object):
    def __init__(self, name, text):
        self.name = name
        self.lines = text.split("\n")
        self.words = collections.Counter(words_of(text))
        self.length = sum(self.words.values())


class Index(object):
    """Okapi BM25 over the documents."""

    def __init__(self, documents):
        self.documents = documents
        self.postings = collections.defaultdict(list)
        for number, document in enumerate(documents):
            for word in document.words:
                self.postings[word].append(number)
        self.mean = sum(d.length for d in documents) / float(len(documents))

    def weight(self, word):
        found = len(self.postings.get(word, ()))
        return math.log(1 + (len(self.documents) - found + 0.5) /
                        (found + 0.5))

    def score(self, document, words):
        total = 0.0
        for word in words:
            count = document.words.get(word, 0)
            if count:
                norm = 0.25 + 0.75 * document.length / self.mean
                total += self.weight(word) * count * 2.2 / (
                    count + 1.2 * norm)
        return total

    def search(self, words, limit=5):
        hits = set()
        for word in words:
            hits.update(self.postings.get(word, ()))
        ranked = sorted(hits, key=lambda number: -self.score(
            self.documents[number], words))
        return [{"name": self.documents[number].name,
                 "score": round(self.score(self.documents[number], words), 4),
                 "snippet": snippet(self.documents[number], words)}
                for number in ranked[:limit]]


def snippet(document, words):
    """The line that has most of the words, and its number."""
    best, best_line = 0, (0, "")
    for number, line in enumerate(document.lines, 1):
        found = sum(word in line for word in words)
        if found > best:
            best, best_line = found, (number, line.strip())
    return best_line


class Counts(object):
    """Words by count: a table, or a dictionary where there is no SQLite."""

    def __init__(self, documents):
        self.lock = threading.Lock()
        self.total = collections.Counter()
        for document in documents:
            self.total.update(document.words)
        self.base = None
        if sqlite3:
            self.base = sqlite3.connect(":memory:", check_same_thread=False)
            self.base.execute("create table words (word text, count integer)")
            self.base.executemany("insert into words values (?, ?)",
                                  sorted(self.total.items()))

    def by_prefix(self, prefix):
        if not self.base:
            return sorted(((word, count) for word, count in self.total.items()
                           if word.startswith(prefix)),
                          key=lambda item: (-item[1], item[0]))[:20]
        with self.lock:
            return self.base.execute(
                "select word, sum(count) from words where word like ? "
                "group by word order by 2 desc, 1 limit 20",
                (prefix + "%",)).fetchall()


PAGE = string.Template("<tr><td>$name</td><td>$length</td><td>$top</td></tr>")


class Service(object):
    def __init__(self, documents):
        self.index = Index(documents)
        self.counts = Counts(documents)
        self.served = self.failed = 0

    def answer(self, method, path, body):
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        if parts.path == "/search":
            return self.index.search(words_of(query.get("q", [""])[0]))
        if parts.path == "/stats":
            return self.counts.by_prefix(query.get("prefix", [""])[0])
        if parts.path == "/tokens" and method == "POST":
            return collections.Counter(words_of(body)).most_common(10)
        if parts.path == "/report":
            return "\n".join(PAGE.substitute(
                name=d.name, length=d.length,
                top=", ".join(w for w, _ in d.words.most_common(3)))
                for d in self.index.documents)
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    service = None

    def reply(self, method):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode("utf-8") if length else ""
        found = self.service.answer(method, self.path, body)
        data = json.dumps(found, indent=1).encode("utf-8")
        self.send_response(200 if found is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply("GET")

    def do_POST(self):
        self.reply("POST")

    def log_message(self, *unused):
        pass


class PoolServer(HTTPServer):
    request_queue_size = 64

    def __init__(self, address, service):
        HTTPServer.__init__(self, address, Handler)
        Handler.service = self.service = service
        self.waiting = Queue()
        self.lock = threading.Lock()
        self.threads = []
        for number in range(POOL):
            thread = threading.Thread(target=self.work,
                                      name="pool-%d" % number)
            thread.start()
            self.threads.append(thread)

    def process_request(self, request, client_address):
        self.waiting.put((request, client_address))

    def work(self):
        while True:
            job = self.waiting.get()
            if job is None:
                return
            failed = 0
            try:
                self.finish_request(*job)
            except Exception:
                failed = 1
                self.handle_error(*job)
            self.shutdown_request(job[0])
            with self.lock:
                self.service.served += 1
                self.service.failed += failed

    def close(self):
        self.shutdown()
        for _ in self.threads:
            self.waiting.put(None)
        for thread in self.threads:
            thread.join()
        self.server_close()


def load_documents():
    """The standard library's own sources are the texts."""
    folder = os.path.dirname(os.__file__)
    found = []
    for name in sorted(glob.glob(os.path.join(folder, "*.py")))[:FILES]:
        with io.open(name, encoding="utf-8", errors="replace") as f:
            found.append(Document(os.path.basename(name), f.read()))
    return found


def main():
    service = Service(load_documents())
    server = PoolServer(("127.0.0.1", 0), service)
    acceptor = threading.Thread(target=server.serve_forever, args=(0.05,),
                                name="acceptor")
    acceptor.start()
    print(json.dumps({"port": server.server_address[1], "pid": os.getpid()}))
    sys.stdout.flush()
    sys.stdin.read()
    server.close()
    acceptor.join()
    print(json.dumps({"served": service.served, "failed": service.failed}))


if __name__ == "__main__":
    main()
