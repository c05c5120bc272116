"""Two chains of calls, twenty deep, one after the other as fast as it goes.

    alternate.py BOARD equal|unequal

No stack of it has frames of both, nor one whose frames are not left_20,
left_19 and so on without a gap: one that is so was put together from two
instants. "unequal": functions have different numbers of locals, so that the
frames of the two chains lie at different places. Board: rounds, time of the
last one.
"""
import sys

import shared

DEPTH = 20
SIZES = {"left": [3, 0, 7, 1, 12, 5], "right": [0, 9, 2, 6, 0, 4, 15]}


def make(side, unequal):
    """side_20 calls side_19 calls ... side_0, each a function of its own."""
    source = ["def %s_0():\n    return 0\n" % side]
    sizes = SIZES[side] if unequal else [0]
    for i in range(1, DEPTH + 1):
        names = ["a%d" % n for n in range(sizes[i % len(sizes)])]
        source.append("def %s_%d(%s):\n    return %s_%d()\n" % (
            side, i, ", ".join(name + "=0" for name in names), side, i - 1))
    names = {}
    exec(compile("".join(source), side + ".py", "exec"), names)
    return names["%s_%d" % (side, DEPTH)]


def main():
    unequal = sys.argv[2] == "unequal"
    left, right = make("left", unequal), make("right", unequal)
    board = shared.Board(sys.argv[1], 2)
    clock = shared.wall_clock
    shared.ready(left_line=shared.line_of(__file__, "left"),
                 right_line=shared.line_of(__file__, "right"))
    rounds = 0
    while True:
        for _ in range(100):
            left()  # left
            right()  # right
        rounds += 100
        board.put(rounds, clock())


if __name__ == "__main__":
    main()
