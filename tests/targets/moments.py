"""What calls and returns all the time, in turn with what stands still.

With the argument "calls" a short system call follows each of them. Prints
{"pid"} once it does, and at the end of standard input when it did what, by the
monotonic clock: the begin and the end of "moving" and of "standing" of each
turn, one turn after the other. Each takes some 50 microseconds.
"""
import array
import json
import os
import re
import sys
import threading
import time

# Work of the same kind as that of the interpreter: where both processors are
# threads of one core, pystrobe slows it down by as much when it gets up.
SEARCH = re.compile("[ab]c+d").search
TEXT = "abc" * 800
ENDED = threading.Event()


def moment(n):
    for i in range(n):
        yield i & 3


def once(x):
    return x + 1


def moving():
    x = 0
    for i in moment(150):
        x += once(i)
    return x


def standing():
    return SEARCH(TEXT)


def between():
    pass


def cpu_time():
    time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)


def read_to_end():
    sys.stdin.read()
    ENDED.set()


def main():
    threading.Thread(target=read_to_end, daemon=True).start()
    clock = time.perf_counter
    then = cpu_time if sys.argv[1:] == ["calls"] else between
    turns = array.array("d")
    print(json.dumps({"pid": os.getpid()}), flush=True)
    while not ENDED.is_set():
        began = clock()
        moving()
        moved = clock()
        then()
        stood = clock()
        standing()
        ended = clock()
        then()
        turns.extend((began, moved, stood, ended))
    print(json.dumps(turns.tolist()))


main()
