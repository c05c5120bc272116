"""Thirty different functions deep, and in the innermost a loop without calls.

    steady.py BOARD

Board: rounds of the loop, the time of the last. Prints an address of memory
that does not change, for bare reads.
"""
import ctypes
import sys

import shared

DEPTH = 28  # and <module> and main
MEMORY = bytearray(1 << 16)


def make():
    """step_28 calls step_27 calls ... step_1, each a function of its own."""
    source = []
    for i in range(DEPTH, 1, -1):
        source.append("def step_%d(board, clock):\n    step_%d(board, clock)\n"
                      % (i, i - 1))
    source.append(
        "def step_1(board, clock):\n"
        "    rounds = x = 0\n"
        "    while True:\n"
        "        for i in range(10000):\n"
        "            x += i\n"
        "            x ^= 3\n"
        "        rounds += 1\n"
        "        board.put(rounds, clock())\n")
    names = {}
    exec(compile("".join(source), "steps.py", "exec"), names)
    return names["step_%d" % DEPTH]


def main():
    run = make()
    board = shared.Board(sys.argv[1], 2)
    kept = (ctypes.c_char * len(MEMORY)).from_buffer(MEMORY)
    shared.ready(address=ctypes.addressof(kept), size=len(MEMORY))
    run(board, shared.wall_clock)


if __name__ == "__main__":
    main()
