"""Variables of every kind. Prints {"pid", "values": {NAME: repr}} of those
that repr() and pystrobe write the same, then waits for the end of standard
input inside of the function that has them.
"""
from __future__ import print_function

import collections
import json
import os
import sys


class Thing(object):
    pass


class Numbers(list):
    pass


def wait(values):
    print(json.dumps({"pid": os.getpid(), "values": values}))
    sys.stdout.flush()
    sys.stdin.read()


def busy():
    count = 0
    print("{}")
    sys.stdout.flush()
    while True:
        count += 1


def deep(more):
    """More variables than can be read in any time that is given to them."""
    many = [[[i, {"key": "value"}] for i in range(10)] for _ in range(10)]
    if more:
        return deep(more - 1), many
    print("{}")
    sys.stdout.flush()
    sys.stdin.read()


def variables(first, second=-7, *rest, **named):
    zero = 0
    small = 12345
    big = 2 ** 100
    negative = -2 ** 65
    edge = 2 ** 30
    huge = 3 ** 1200
    yes, no, nothing = True, False, None
    half, tenth, large, tiny = 1.5, 0.1, 1e300, -2.5e-7
    whole, infinite = 3.0, -float("inf")
    imaginary, full = 2j, 1.5 - 2j
    text, empty = "text", ""
    apostrophe, both = "it's", "it's \"both\""
    lines = "one\ntwo\ttab \\ \x01"
    data = b"\x00\xffabc"
    numbers = [1, 2, 3]
    nested = [1, [2, [3]], (4, 5)]
    one, none = (1,), ()
    table = {"a": 1, "b": [2]}
    by_number = {1: "one", 2: None}
    no_table = {}
    single, frozen, no_set = {1}, frozenset([2]), set()
    loop = [1]
    loop.append(loop)
    values = {name: repr(value) for name, value in locals().items()
              if name != "named"}
    values["named"] = repr(named)
    umlaut, snake = u"\u00e4\u20ac", u"\U0001f40d!"
    thing, numeric = Thing(), Numbers([1])
    counts = collections.OrderedDict([("x", 1)])
    kind = Thing
    thousand = list(range(1000))
    long_text = "x" * 10000
    attributes = Thing()
    attributes.name = "value"
    shared = attributes.__dict__
    enclosed = ["cell"]

    def inner(argument):
        unset = 1
        del unset
        wait(values)
        return enclosed, argument, first, shared
    inner("inner argument")


if sys.argv[1:] == ["busy"]:
    busy()
elif sys.argv[1:] == ["deep"]:
    sys.setrecursionlimit(3000)
    deep(2500)
else:
    variables("first", -7, "more", "rest", key="word")
