"""Functions that take known shares of wall time and of CPU time.

    split.py BOARD

The main thread burns in three functions, sleeps in one, and holds a lock
while it burns in the second; the other thread wants that lock, and burns a
little when it has it. It has done so before the main thread's sleep is over:
a thread that is woken while another one has the only processor is runnable,
but no CPU clock counts that. How long each function took is measured around each
call, by the clock and by the CPU clock of the thread, and told on the board:
the time, then wall and CPU seconds of each of NAMES and OTHER, in order.
"""
import sys
import threading
import time

import shared

NAMES = ["burn_much", "burn_held", "burn_few", "nap"]
OTHER = ["wait_lock", "burn_after"]
UNIT = 0.0005  # CPU seconds
LOCK = threading.Lock()
TURN = threading.Semaphore(0)  # of the other thread


def burn_much(n):
    x = 0
    while n:
        x += n & 3
        n -= 1
    return x


def burn_held(n):
    x = 0
    while n:
        x += n & 3
        n -= 1
    return x


def burn_few(n):
    x = 0
    while n:
        x += n & 3
        n -= 1
    return x


def burn_after(n):
    x = 0
    while n:
        x += n & 3
        n -= 1
    return x


def nap(seconds):
    time.sleep(seconds)


def wait_lock(lock):
    lock.acquire()


def calibrate():
    """How many rounds take UNIT: the best of several."""
    best = None
    for _ in range(20):
        began = shared.cpu_clock()
        burn_much(20000)
        took = shared.cpu_clock() - began
        best = took if best is None else min(best, took)
    return int(20000 * UNIT / best)


class Account(object):
    """Time of functions of one thread."""

    def __init__(self, names):
        self.names = names
        self.wall = dict.fromkeys(names, 0.0)
        self.cpu = dict.fromkeys(names, 0.0)

    def call(self, function, argument):
        cpu, wall = shared.cpu_clock(), shared.wall_clock()
        function(argument)
        name = function.__name__
        self.wall[name] += shared.wall_clock() - wall
        self.cpu[name] += shared.cpu_clock() - cpu

    def totals(self):
        return tuple(side[name] for name in self.names
                     for side in (self.wall, self.cpu))


def second(account, unit):
    while True:
        TURN.acquire()
        account.call(wait_lock, LOCK)
        try:
            account.call(burn_after, 2 * unit)
        finally:
            LOCK.release()


def main():
    board = shared.Board(sys.argv[1], 13)
    unit = calibrate()
    mine, others = Account(NAMES), Account(OTHER)
    thread = threading.Thread(target=second, args=(others, unit),
                              name="second")
    thread.daemon = True
    thread.start()
    shared.ready(names=NAMES, other=OTHER)
    while True:
        mine.call(burn_much, 8 * unit)
        with LOCK:
            TURN.release()
            mine.call(burn_held, 4 * unit)
        mine.call(burn_few, 2 * unit)
        mine.call(nap, 6 * UNIT)
        board.put(shared.wall_clock(), *(mine.totals() + others.totals()))


if __name__ == "__main__":
    main()
