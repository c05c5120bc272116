"""Becomes itself again by exec, from a thread or the main one.

    again.py TIMES main|thread SECONDS
"""
import os
import sys
import threading
import time


def work(seconds):
    until = time.time() + seconds
    total = 0
    while time.time() < until:
        for i in range(2000):
            total += i * i
    return total


def become(left):
    os.execv(sys.executable, [sys.executable, __file__, str(left)] +
             sys.argv[2:])


def main():
    left, who, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    thread = threading.Thread(target=work, args=(60,))
    thread.daemon = True
    thread.start()
    work(seconds)
    if not left:
        sys.stdout.write("end\n")
        sys.stdout.flush()
        os._exit(5)
    if who == "main":
        become(left - 1)
    thread = threading.Thread(target=become, args=(left - 1,))
    thread.start()
    work(60)


if __name__ == "__main__":
    main()
