"""Many threads that wait, and two that work.

    idle.py BOARD THREADS

Half of those that wait do so for a lock, half in a long sleep. Board: rounds
of the two that work, together; the time of the last.
"""
import sys
import threading
import time

import shared

LOCK = threading.Lock()


def at_lock(arrived):
    arrived.append(1)
    with LOCK:
        pass


def at_sleep(arrived):
    arrived.append(1)
    while True:
        time.sleep(3600)


def work(number, rounds, board, clock):
    x = 0
    while True:
        for i in range(5000):
            x += i
            x ^= 3
        rounds[number] += 1
        board.put(sum(rounds), clock())


def main():
    count = int(sys.argv[2])
    board = shared.Board(sys.argv[1], 2)
    rounds, arrived = [0, 0], []
    threading.stack_size(256 << 10)
    LOCK.acquire()
    for number in range(count - 2):
        thread = threading.Thread(target=(at_lock, at_sleep)[number % 2],
                                  args=(arrived,), name="wait-%d" % number)
        thread.daemon = True
        thread.start()
    while len(arrived) < count - 2:
        time.sleep(0.01)
    clock = shared.wall_clock
    thread = threading.Thread(target=work, args=(1, rounds, board, clock),
                              name="work-1")
    thread.daemon = True
    thread.start()
    shared.ready(threads=count)
    work(0, rounds, board, clock)


if __name__ == "__main__":
    main()
