# coding: utf-8
"""A process that stands still, and says what pystrobe should see of it: the
thing that scripts/image takes the memory images of.

Prints a text of all threads, their frames (innermost first) and variables, as
Python itself sees them: see tests/lib/image.h. Then it stops itself inside a
garbage collection, with the GIL. For 2.7 and all of 3.
"""
from __future__ import print_function

import collections
import gc
import os
import signal
import sys
import threading
import weakref

try:
    from thread import allocate_lock, get_ident
except ImportError:
    from _thread import allocate_lock, get_ident

PY2 = sys.version_info[0] == 2
ITEMS, DEPTH = 12, 4  # of containers, as tests/lib/image.c asks for

gate = allocate_lock()
gate.acquire()
known = {}  # ident: (tid, what a thread does)


# ---- what Python says ----

def type_name(cls):
    """tp_name: of what is written in C it has the module, too."""
    if cls.__flags__ & 1 << 9 or cls.__module__ in ("builtins", "__builtin__"):
        return cls.__name__
    return cls.__module__ + "." + cls.__name__


def text_of(value):
    """A str as repr() writes it, but with all that can be printed as it is."""
    quote = u'"' if u"'" in value and u'"' not in value else u"'"
    out = u""
    for char in value:
        if char == u"\\" or char == quote:
            out += u"\\" + char
        elif char in u"\n\r\t":
            out += {u"\n": u"\\n", u"\r": u"\\r", u"\t": u"\\t"}[char]
        elif ord(char) < 32 or ord(char) == 127:
            out += u"\\x%02x" % ord(char)
        else:
            out += char
    return (u"u" if PY2 else u"") + quote + out + quote


def items_of(values, show):
    values = list(values)
    shown = [show(value) for value in values[:ITEMS]]
    return ", ".join(shown + (["..."] if len(values) > ITEMS else []))


CLOSED = ((list, "[...]"), (tuple, "(...)"), (dict, "{...}"),
          (set, "{...}"), (frozenset, "frozenset({...})"))


def show_container(value, kind, inside):
    def show(item):
        return show_value(item, inside + [value])

    if len(inside) >= DEPTH or any(value is other for other in inside):
        return dict(CLOSED)[kind]
    if kind is dict:
        return "{" + items_of(
            ((key, value[key]) for key in value), lambda item: show(item[0]) +
            ": " + show(item[1])) + "}"
    text = items_of(value, show)
    if kind is tuple:
        return "(" + text + (",)" if len(value) == 1 else ")")
    if kind is list:
        return "[" + text + "]"
    if PY2:
        return kind.__name__ + "([" + text + "])"
    text = "{" + text + "}" if value else ""
    return text if kind is set and value else kind.__name__ + "(" + text + ")"


def show_value(value, inside=()):
    cls = type(value)
    if cls is type(u""):
        return text_of(value)
    if value is None or cls in (bool, int, float, complex, bytes, type(2**99)):
        return repr(value)
    if cls is type:
        return "<class '%s'>" % type_name(value)
    for kind, _ in CLOSED:
        if cls is kind:
            return show_container(value, kind, list(inside))
        if isinstance(value, kind) and kind is not set:
            return type_name(cls) + "(" + show_container(
                value, kind, list(inside)) + ")"
    return "<%s at 0x%x>" % (type_name(cls), id(value))


def variables_of(frame):
    """(name, whether it is an argument, value) by name."""
    code = frame.f_code
    if not code.co_flags & 1:  # a module's or a class's
        return
    arguments = code.co_argcount + getattr(code, "co_kwonlyargcount", 0)
    arguments += bool(code.co_flags & 4) + bool(code.co_flags & 8)
    names = code.co_varnames[:arguments]
    values = frame.f_locals
    for name in sorted(values):
        yield name, name in names, values[name]


def describe_frame(frame, out):
    code = frame.f_code
    name = getattr(code, "co_qualname", code.co_name)
    out.append(u"  %s %s:%d" % (name, code.co_filename, frame.f_lineno))
    for name, argument, value in variables_of(frame):
        text = show_value(value)
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        out.append(u"    %s %s = %s" % (u"argument" if argument else u"local",
                                        name, text))


def describe(frames):
    names = dict((t.ident, t.name) for t in threading.enumerate())
    out = []
    for ident in sorted(known):
        tid, what = known[ident]
        out.append(u"thread 0x%x tid %s '%s'%s" % (ident, tid, names[ident],
                                                   what))
        frame = frames[ident]
        while frame:
            describe_frame(frame, out)
            frame = frame.f_back
    return u"\n".join(out) + u"\n"


def here(what=""):
    """What this thread does, from now on to the end."""
    tid = os.readlink("/proc/thread-self").split("/")[-1]
    known[get_ident()] = tid, what


def tell(frame):
    """Writes what there is, when all others stand still."""
    frames = sys._current_frames()
    frames[get_ident()] = frame
    text = describe(frames).encode("utf-8")
    while text:
        text = text[os.write(1, text):]


# ---- what there is to be seen ----

def deep(n, word):
    if n:
        return deep(n - 1, word)
    here(); gate.acquire()


class Thing(object):
    pass


class Slots(object):
    __slots__ = ("one",)


class Numbers(list):
    pass


class Service(object):
    def __init__(self, name):
        self.name = name
        self.start({"name": name})

    def start(self, options):
        return self.create(*options)

    @classmethod
    def create(cls, *names, **more):
        return sorted(names, key=cls.rank)

    @staticmethod
    def rank(name):
        return [part for part in Service.parts(name)]

    @classmethod
    def parts(cls, name):
        for letter in name:
            yield letter, cls.wait(letter)

    @staticmethod
    def wait(letter):
        here(); gate.acquire()


def handles():
    error = "none"
    try:
        {}["absent"]
    except KeyError:
        here(" exception"); gate.acquire()
    return error


def variables(first, second=-7, *rest, **named):
    zero, small, negative = 0, 12345, -5
    edge, big, less, huge = 2 ** 30, 2 ** 100, -2 ** 65, 3 ** 300
    yes, no, nothing = True, False, None
    half, tenth, large, tiny = 1.5, 0.1, 1e300, -2.5e-7
    whole, infinite, minus = 3.0, -float("inf"), -0.0
    imaginary, full = 2j, 1.5 - 2j
    text, empty, latin = u"text", u"", u"caf\u00e9"
    wide, widest = u"\u20ac \u03c0", u"\U0001f40d!"
    apostrophe, both = "it's", "it's \"both\""
    lines = "one\ntwo\ttab \\ \x01"
    data, long_text = b"\x00\xffabc", u"abc" * 100
    numbers, thirty = [1, 2, 3], list(range(30))
    nested = [1, [2, [3, [4, [5]]]], (4, 5)]
    one, none = (1,), ()
    table, by_number = {"a": 1}, {1: "one", 2: None, 3: [1.5]}
    twenty = dict.fromkeys(range(20), 1)
    holes = dict.fromkeys(range(6), "x")
    del holes[0], holes[3]
    no_table = {}
    single, frozen, no_set = set([1]), frozenset([2]), set()
    loop = [1]
    loop.append(loop)
    ring = {"name": "ring"}
    ring["ring"] = ring
    ordered = collections.OrderedDict([("x", 1)])
    thing, slots, numeric = Thing(), Slots(), Numbers([1])
    kind, function, built_in = Thing, variables, len
    attributes = Thing()
    attributes.name = "value"
    shared = attributes.__dict__
    enclosed = ["cell"]

    def inner(argument):
        unset = 1
        del unset
        here(); gate.acquire()
        return enclosed, argument, first, shared
    inner("inner argument")


class Later(object):
    """A garbage cycle, and what is called when it is collected."""
    def __init__(self):
        self.cycle = self


def stand(reference):
    frame = sys._getframe()
    tell(frame); os.kill(os.getpid(), signal.SIGSTOP)


def collect():
    reference = weakref.ref(Later(), stand)
    gc.collect()
    return reference


def start(name, function, *args):
    before = len(known)
    thread = threading.Thread(target=function, name=name, args=args)
    thread.daemon = True
    thread.start()
    while len(known) == before:
        pass


def load():
    import still_module
    return still_module


def main():
    gc.disable()
    start("deep", deep, 150, "down")
    start("service", Service, "x")
    start("handles", handles)
    start("variables", variables, "first", -7, "more", "rest")
    start("load", load)
    if not PY2:
        import still_3
        start("coroutine", still_3.run)
        start(u"caf\u00e9 \u03c0 \U0001f40d", still_3.names)
    here(" main gil gc")
    collect()


main()
