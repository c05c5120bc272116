"""Tells for how long it does not run: it does nothing but look at the clock,
thirty functions deep, and what passes between two looks is either some tenths
of a microsecond or a gap.

    stands.py BOARD

Board: seconds without the gaps; the time.
"""
import sys

import shared

DEPTH = 28  # and <module> and main
GAP = 5e-6  # s; a hypervisor takes a microsecond or three all the time


def look(board, clock):
    ran, last = 0.0, clock()
    while True:
        for _ in range(2000):
            now = clock()
            if now - last < GAP:
                ran += now - last
            last = now
        board.put(ran, now)
        last = clock()


def deep(more, board, clock):
    if more:
        deep(more - 1, board, clock)
    else:
        look(board, clock)


def main():
    board = shared.Board(sys.argv[1], 2)
    shared.ready()
    deep(DEPTH - 2, board, shared.wall_clock)


if __name__ == "__main__":
    main()
