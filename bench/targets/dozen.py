"""Twelve threads, a few calls deep; all but the first wait.

    dozen.py BOARD
"""
import threading
import time

import shared

DONE = threading.Event()


def outer(n, arrived):
    if n:
        return outer(n - 1, arrived)
    arrived.append(1)
    DONE.wait()


def main():
    arrived = []
    for number in range(11):
        thread = threading.Thread(target=outer, args=(number, arrived),
                                  name="thread-%d" % number)
        thread.daemon = True
        thread.start()
    while len(arrived) < 11:
        time.sleep(0.01)
    shared.ready()
    x = 0
    while True:
        for i in range(100000):
            x ^= i
        if shared.os.getppid() != shared.PARENT:
            shared.os._exit(0)


if __name__ == "__main__":
    main()
