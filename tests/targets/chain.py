"""Threads that stand still at known places, for tests of the stacks.

Every thread walks into a chain of calls of many kinds and blocks at its end.
When all do, one more thread asks the interpreter itself where they are
(sys._current_frames), prints that as one line of JSON, and ends:

    {"pid": 1, "reporter": 4, "threads": [{"tid": 1, "name": "MainThread",
     "ident": 140, "main": true, "frames": [[file, line, name, first], ...]}]}

Frames are leaf first; `name` is the qualified one where there is one (3.11).
Texts that are bytes (2.7) are written as Latin-1. Runs on 2.7 and 3.6+.
"""
from __future__ import print_function

import functools
import json
import os
import re
import sys
import threading
import time
import types

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))  # no __file__ in embed
DEADLINE = 60  # seconds for all threads to arrive

GATE = threading.Lock()  # never released: who asks for it stands still
GATE.acquire()
TIDS = {}                # ident -> the kernel's id
ENDS = set()             # idents of the threads that are about to stand still


def tid_of_me():
    """The kernel's id of this thread, on every version."""
    return int(os.readlink("/proc/thread-self").rpartition("/")[2])


def stand_still():
    ident = threading.current_thread().ident
    TIDS[ident] = tid_of_me()
    ENDS.add(ident)
    GATE.acquire()


# ---- a chain of twenty frames and more, each reached in another way ----

def comprehension():
    return [generator_user() for _ in range(1)]


def generator_user():
    for value in generator():
        return value


def generator():
    before = 1
    for inner in inner_generator(before):
        yield inner


def inner_generator(start):
    value = start
    yield (lambda: class_body(value))()


def class_body(value):
    class Body(object):
        copied = value
        found = Methods(3).method(copied)
    return Body.found


class Methods(object):
    class Nested(object):
        @staticmethod
        def static(value):
            return Methods.of_class(value)

    def __init__(self, size):
        self.size = size

    def method(self, value):
        def closure(extra):
            return self.Nested.static(value + extra)
        return closure(
            self.size,
        )

    @classmethod
    def of_class(cls, value):
        return {key: several_lines(key) for key in [value]}


def several_lines(value):
    numbers = [
        1,
        2,
    ]
    return dict(
        first=numbers,
        second=in_handler(
            value,
        ),
    )


def in_handler(value):
    try:
        raise KeyError(value)
    except KeyError:
        try:
            return in_finally()
        finally:
            value = None


def in_finally():
    try:
        pass
    finally:
        with Manager() as found:
            return found


class Manager(object):
    def __enter__(self):
        return self.entered

    def __exit__(self, *unused):
        return False

    @property
    def entered(self):
        return decorated(1, key=2)


def decorator(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@decorator
def decorated(*args, **kwargs):
    return sum(far_away() for _ in args)


def far_away():
    # A step of more than 255 lines in one function.
    source = ("def far(go):\n    x = 1\n" + "\n" * 400 +
              "    y = (x +\n\n\n         go())\n    return y\n")
    names = {}
    exec(compile(source, "made/up/far.py", "exec"), names)
    return names["far"](operator)


def operator():
    return Operand() + 1


class Operand(object):
    def __add__(self, other):
        return self.missing_attribute

    def __getattr__(self, name):
        while True:
            for _ in range(2):
                if name:
                    return stand_still()


# ---- C functions that call back into Python ----

class ByInit(object):
    def __init__(self, following):
        self.following = following
        self.found = sorted([3, 1], key=self.by_key)

    def by_key(self, value):
        return list(map(self.by_map, [value]))

    def by_map(self, value):
        return functools.partial(self.by_partial, value)()

    def by_partial(self, value):
        return functools.reduce(self.by_reduce, [1, 2])

    def by_reduce(self, left, right):
        return re.sub("a+", self.by_match, "baab")

    def by_match(self, match):
        return max([1, 2], key=self.by_max)

    def by_max(self, value):
        return ByMissing(self)["key"]

    def by_format(self):
        return "{0}".format(ByText(self))

    def __iter__(self):
        yield stand_still()


class ByMissing(dict):
    def __init__(self, maker):
        dict.__init__(self)
        self.maker = maker

    def __missing__(self, key):
        return self.maker.by_format()


class ByText(object):
    def __init__(self, maker):
        self.maker = maker

    def __str__(self):
        return str(list(self.maker))

    def __format__(self, spec):
        return eval("str(self)")


def boundaries():
    return ByInit(None)


# ---- depth ----

def down(left):
    if left:
        return down(left - 1)
    return stand_still()


def even(left):
    return odd(left - 1) if left else stand_still()


def odd(left):
    return even(left - 1) if left else stand_still()


# ---- names that no keyboard writes ----

def renamed(function, name):
    """The function with another name in its code object."""
    code = function.__code__
    if hasattr(code, "replace"):
        more = {"co_qualname": name} if hasattr(code, "co_qualname") else {}
        code = code.replace(co_name=name, **more)
    else:
        args = [code.co_argcount]
        if sys.version_info[0] > 2:
            args.append(code.co_kwonlyargcount)
        args += [code.co_nlocals, code.co_stacksize, code.co_flags,
                 code.co_code, code.co_consts, code.co_names, code.co_varnames,
                 code.co_filename, name, code.co_firstlineno, code.co_lnotab,
                 code.co_freevars, code.co_cellvars]
        code = types.CodeType(*args)
    return types.FunctionType(code, function.__globals__, "x", None,
                              function.__closure__)


def hostile():
    names = ["a;b", "line\nbreak\ttab", "ends in digits 42", "",
             "</title><script>alert(1)</script>", "quote\"'&amp;", "nul\0nul",
             "\x1b[31mred\x07", "n" * 1000]
    if sys.version_info[0] > 2:
        names += [u"na\xefve", u"\u0444\u0443\u043d\u043a", u"\u65e5\u672c",
                  u"\U00010400\U0001f40d", u"mixed \u202eetirw\u202c",
                  u"half \udcff", u"\x85next"]
    else:
        names += ["na\xc3\xafve", "\xe6\x97\xa5\xe6\x9c\xac", "bad \xff"]
    calls = [lambda: stand_still()]
    for name in names:
        calls.append(renamed(functools.partial(
            lambda following: lambda: following(), calls[-1])(), name))
    space = {"go": calls[-1]}
    exec(compile("def odd_file(): return go()\n",
                 "evil;dir/\x1b[1mbold\n 7.py", "exec"), space)
    space["odd_file"]()


# ---- who walks where, and the report ----

def chain():
    return comprehension()


def start(name, function, *args):
    thread = threading.Thread(target=function, args=args, name=name)
    thread.daemon = True
    thread.start()
    return thread


def native_text(text):
    return text.decode("latin-1") if isinstance(text, bytes) else text


def frames_of(frame):
    found = []
    while frame is not None:
        code = frame.f_code
        found.append([native_text(code.co_filename), frame.f_lineno,
                      native_text(getattr(code, "co_qualname", code.co_name)),
                      code.co_firstlineno])
        frame = frame.f_back
    return found


def asleep(tid):
    with open("/proc/self/task/%d/stat" % tid) as stat:
        return stat.read().rpartition(")")[2].split()[0] == "S"


def report(count):
    """Waits until `count` threads stand still; then says where they are."""
    until = time.time() + DEADLINE
    while len(ENDS) < count or not all(
            asleep(TIDS[ident]) for ident in list(ENDS)):
        if time.time() > until:
            sys.stderr.write("chain.py: %d of %d threads arrived\n" % (
                len(ENDS), count))
            os._exit(9)
        time.sleep(0.002)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    told = []
    for ident, frame in sys._current_frames().items():
        if ident in ENDS:
            told.append({"tid": TIDS[ident], "ident": ident,
                         "name": native_text(names[ident]),
                         "main": TIDS[ident] == os.getpid(),
                         "frames": frames_of(frame)})
    print(json.dumps({"pid": os.getpid(), "reporter": tid_of_me(),
                      "threads": told}))
    sys.stdout.flush()


def main():
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    sys.setrecursionlimit(depth + 200)
    start("chain", chain)
    start("C to Python", boundaries)
    start("mutual", even, 100)
    start(u"h\xf6stile;name 1" if sys.version_info[0] > 2 else "hostile;name 1",
          hostile)
    count = 5
    if sys.version_info[0] > 2:
        sys.path.insert(0, HERE)
        import chain_async
        for name, function in sorted(chain_async.CHAINS.items()):
            start(name, function, stand_still)
            count += 1
    threading.stack_size(256 << 20)
    start("deep", down, depth)
    threading.stack_size(0)
    count += 1
    start("reporter", report, count)
    Methods(1).method(2)


if __name__ == "__main__":
    main()
