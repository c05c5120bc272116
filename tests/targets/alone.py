"""A thread whose outermost frame is one of a generator, which calls helper() in
one line alone.

Prints "ready"; ends when standard input does.
"""
import sys
import threading

try:
    import _thread
except ImportError:  # 2.7
    import thread as _thread

DONE = threading.Event()


def helper():
    return 1


def numbers():
    while not DONE.is_set():
        for i in range(300):
            helper()
            x = []
            x.append(i)
            sorted(x)
            repr(x)
    yield 1


def main():
    generator = numbers()
    step = getattr(generator, "__next__", None) or generator.next
    _thread.start_new_thread(step, ())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    DONE.set()


if __name__ == "__main__":
    main()
