"""Two chains of calls, twenty deep, one after the other as fast as it goes.

No stack of it has frames of both: one that has was put together from two
instants. After a hundred rounds each chain stays at its end for a moment, long
enough to be read without a stop. Prints "ready"; ends when standard input does.
"""
import sys
import threading

DEPTH = 20
TURNS = 100 * [()] + [range(3000)]
DONE = threading.Event()


def make(side):
    """side_20 calls side_19 calls ... side_1, each a function of its own."""
    source = ["def %s_0(stay):\n    for _ in stay: pass\n" % side]
    for i in range(1, DEPTH + 1):
        source.append("def %s_%d(stay):\n    return %s_%d(stay)\n" % (
            side, i, side, i - 1))
    names = {}
    exec(compile("".join(source), side + ".py", "exec"), names)
    return names["%s_%d" % (side, DEPTH)]


def wait_for_end():
    sys.stdin.read()
    DONE.set()


def main():
    left, right = make("left"), make("right")
    thread = threading.Thread(target=wait_for_end)
    thread.daemon = True
    thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not DONE.is_set():
        for stay in TURNS:
            left(stay)
            right(stay)


if __name__ == "__main__":
    main()
