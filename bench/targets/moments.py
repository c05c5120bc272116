"""What calls and returns all the time, in turn with one call that does not.

    moments.py BOARD

Each turn takes some 50 microseconds. How long either took is measured around
each call and told on the board, as split.py does.
"""
import sys

import shared

NAMES = ["moving", "standing"]
NUMBERS = list(range(3000))


def moment(n):
    for i in range(n):
        yield i & 3


def once(x):
    return x + 1


def moving():
    x = 0
    for i in moment(150):
        x += once(i)
    return x


def standing():
    return NUMBERS.count(-1)


def main():
    board = shared.Board(sys.argv[1], 5)
    shared.ready(names=NAMES, other=[])
    sums = [0.0] * 4
    while True:
        for _ in range(20):
            wall, cpu = shared.wall_clock(), shared.cpu_clock()
            for at, function in enumerate((moving, standing)):
                function()
                now, ran = shared.wall_clock(), shared.cpu_clock()
                sums[2 * at] += now - wall
                sums[2 * at + 1] += ran - cpu
                wall, cpu = now, ran
        board.put(shared.wall_clock(), *sums)


if __name__ == "__main__":
    main()
