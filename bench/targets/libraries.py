"""A process with many libraries mapped, that waits.

    libraries.py BOARD COUNT
"""
import ctypes
import subprocess
import sys
import time

import shared

SKIP = ("asan", "tsan", "lsan", "ubsan", "memusage", "pcprofile")


def names():
    told = subprocess.check_output(["/sbin/ldconfig", "-p"])
    for line in told.decode("utf-8", "replace").splitlines():
        path = line.rpartition("=> ")[2]
        if ".so" in path and not any(word in path for word in SKIP):
            yield path


def main():
    wanted, loaded = int(sys.argv[2]), 0
    for path in names():
        if loaded == wanted:
            break
        try:
            ctypes.CDLL(path)
            loaded += 1
        except OSError:
            pass
    shared.ready(libraries=loaded)
    while shared.os.getppid() == shared.PARENT:
        time.sleep(0.2)


if __name__ == "__main__":
    main()
