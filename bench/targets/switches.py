"""Two threads that hand over to each other.

    switches.py BOARD LOOPS

Each makes so many turns of a loop, some 40 ns each, and lets the other one go
on: a switch for each. Board: rounds of both; the time of the last.
"""
import sys
import threading

import shared


def work(loops):
    x = 0
    for i in range(loops):
        x += i
        x ^= 3
    return x


def other(loops, mine, its):
    while True:
        mine.acquire()
        work(loops)
        its.release()


def main():
    loops = int(sys.argv[2])
    board = shared.Board(sys.argv[1], 2)
    mine, its = threading.Lock(), threading.Lock()
    its.acquire()
    thread = threading.Thread(target=other, args=(loops, its, mine))
    thread.daemon = True
    thread.start()
    shared.ready()
    done = 0
    while True:
        mine.acquire()
        work(loops)
        done += 1
        board.put(done, shared.wall_clock())
        its.release()


if __name__ == "__main__":
    main()
