"""Works for a moment, then ends in the way that the arguments say.

    end.py SECONDS exit STATUS     sys.exit
    end.py SECONDS signal NUMBER   kills itself
    end.py SECONDS raise           an exception that nothing catches
    end.py SECONDS exec PROGRAM... becomes another program
    end.py SECONDS echo            copies standard input to standard output
"""
import os
import sys
import time


def work(seconds):
    until = time.time() + seconds
    total = 0
    while time.time() < until:
        for i in range(2000):
            total += i * i
    return total


def main():
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    seconds, how, rest = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
    work(seconds)
    if how == "exit":
        sys.exit(int(rest[0]))
    elif how == "signal":
        os.kill(os.getpid(), int(rest[0]))
    elif how == "raise":
        raise ValueError("on purpose")
    elif how == "exec":
        os.execv(rest[0], rest)
    elif how == "echo":
        sys.stdout.write(sys.stdin.read())
        sys.stderr.write("echoed\n")


if __name__ == "__main__":
    main()
