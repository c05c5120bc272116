"""Becomes itself by exec, with another function at work: exec in the target.

    pair.py before     works in `before` until a line comes, then execs
    pair.py after      works in `after` until standard input ends

Each prints its name once it works.
"""
import os
import sys
import threading

GO = threading.Event()


def before():
    spin()


def after():
    spin()


def spin():
    total = 0
    while not GO.is_set():
        for i in range(1000):
            total += i
    return total


def read_line():
    os.read(0, 1)
    GO.set()


def main():
    thread = threading.Thread(target=read_line)
    thread.daemon = True
    thread.start()
    sys.stdout.write(sys.argv[1] + "\n")
    sys.stdout.flush()
    if sys.argv[1] == "before":
        before()
        os.execv(sys.executable, [sys.executable, __file__, "after"])
    after()


if __name__ == "__main__":
    main()
