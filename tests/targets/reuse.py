"""Functions that live for some milliseconds each, compiled and forgotten, so
that the addresses of their code objects are used again at once.

Number N is outer_N and inner_N of file gen_N.py: a stack that names two
numbers never was. Prints "ready"; ends when standard input does.
"""
import sys
import threading
import time

DONE = threading.Event()
SECONDS = 0.002

SOURCE = """
def inner_%(n)d(until, clock):
    total = 0
    while clock() < until:
        total += 1
    return total

def outer_%(n)d(until, clock):
    return inner_%(n)d(until, clock)
"""


def generation(number):
    names = {}
    exec(compile(SOURCE % {"n": number}, "gen_%d.py" % number, "exec"), names)
    return names.pop("outer_%d" % number), names


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def main():
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    number = 0
    while not DONE.is_set():
        outer, names = generation(number)
        outer(time.time() + SECONDS, time.time)
        names.clear()
        number += 1


if __name__ == "__main__":
    main()
