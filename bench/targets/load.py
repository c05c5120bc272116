"""Ordinary pure-Python work: tokenize, ast, json and difflib over sources of
the standard library, in a unit that is the same each time.

    load.py BOARD

Board: parts of the unit done, the time of the last.
"""
import ast
import difflib
import io
import json
import json.decoder
import json.encoder
import json.scanner
import os
import sys
import tokenize

import shared

FILES = ["textwrap.py", "heapq.py", "shlex.py"]
SLICE = 6000  # bytes of each


def sources():
    folder = os.path.dirname(os.__file__)
    for name in FILES:
        with open(os.path.join(folder, name), "rb") as f:
            lines = f.read().decode("utf-8").splitlines(True)
        yield lines


def by_tokenize(text):
    kinds = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kinds[token[0]] = kinds.get(token[0], 0) + 1
    except (tokenize.TokenError, IndentationError):
        pass  # the slice ends in the middle of something
    return kinds


class Names(ast.NodeVisitor):
    def __init__(self):
        self.found = {}

    def visit_Name(self, node):
        self.found[node.id] = self.found.get(node.id, 0) + 1
        self.generic_visit(node)


def by_ast(text):
    visitor = Names()
    tree = ast.parse(text)
    visitor.visit(tree)
    for node in ast.walk(tree):
        ast.iter_child_nodes(node)
    return visitor.found


def pure_decoder():
    """json's own decoder in Python, beside the one in C."""
    decoder = json.decoder.JSONDecoder()
    decoder.parse_string = json.decoder.py_scanstring
    decoder.scan_once = json.scanner.py_make_scanner(decoder)
    return decoder


def by_json(decoder, data):
    text = json.dumps(data, indent=1)
    return decoder.decode(text)


def by_difflib(one, other):
    return sum(1 for _ in difflib.unified_diff(one, other))


def main():
    board = shared.Board(sys.argv[1], 2)
    clock = shared.wall_clock
    texts = list(sources())
    decoder = pure_decoder()
    jobs = []
    for lines in texts:
        whole = "".join(lines)
        part = whole[:SLICE]
        changed = [line.replace("self", "me") for line in lines[:160:2]]
        counts = by_tokenize(part)
        data = {"counts": [[str(k), v] for k, v in sorted(counts.items())],
                "lines": [line.strip() for line in lines[:60]]}
        jobs += [(by_tokenize, (part,)), (by_ast, (whole,)),
                 (by_json, (decoder, data)),
                 (by_difflib, (lines[:160], changed))]
    shared.ready()
    done = 0
    while True:
        for function, args in jobs:
            function(*args)
        done += 1
        board.put(done, clock())


if __name__ == "__main__":
    main()
