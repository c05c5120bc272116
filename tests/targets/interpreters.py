"""A thread that computes in an interpreter of its own, from Python 3.12 on.
Prints {"pid"} once it does.
"""
import json
import os
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

CODE = """
import posix
def inside():
    while True:
        x = 0
        for i in range(1000):
            x += i
posix.write(%d, b"!")
inside()
"""


def run(fd):
    number = interpreters.create()
    start = getattr(interpreters, "exec", None) or interpreters.run_string
    start(number, CODE % fd)


def main():
    out, into = os.pipe()
    thread = threading.Thread(target=run, args=(into,))
    thread.daemon = True
    thread.start()
    os.read(out, 1)
    print(json.dumps({"pid": os.getpid()}))
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


main()
