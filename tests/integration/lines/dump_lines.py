"""Writes, for each code object of the standard library of the interpreter
that runs this, its line table and the line that the interpreter itself says
for every instruction. For 2.7 and 3.6 on; the reader is tests/tools/line_of.c.

Stream, little-endian: u8 kind (enum line_kind), then for each code object
u32 length of the table, u32 first line, u32 instructions, the table, and for
each instruction u32 byte offset, u32 line (0: none).
"""
import ctypes
import os
import struct
import sys

out = getattr(sys.stdout, "buffer", sys.stdout)
version = sys.version_info[:2]
kind = 0 if version < (3, 0) else 1 if version < (3, 10) else \
    2 if version < (3, 11) else 3
wordcode = version >= (3, 6)

addr2line = ctypes.pythonapi.PyCode_Addr2Line
addr2line.argtypes = [ctypes.py_object, ctypes.c_int]
addr2line.restype = ctypes.c_int


def offsets(code):
    """Where instructions begin."""
    text = code.co_code
    if wordcode:
        return range(0, len(text), 2)
    import opcode
    found = []
    at = 0
    while at < len(text):
        found.append(at)
        at += 3 if ord(text[at]) >= opcode.HAVE_ARGUMENT else 1
    return found


def lines(code):
    """(offset, line) of every instruction, as CPython says."""
    if version < (3, 10):
        return [(at, addr2line(code, at)) for at in offsets(code)]
    says = dict.fromkeys(offsets(code), 0)
    for start, end, line in code.co_lines():
        for at in range(start, end, 2):
            says[at] = line or 0
    return sorted(says.items())


def emit(code):
    if version < (3, 10):
        table = code.co_lnotab
    else:
        table = code.co_linetable
    says = lines(code)
    flat = [n if n > 0 else 0 for pair in says for n in pair]
    out.write(struct.pack("<III", len(table), code.co_firstlineno, len(says)))
    out.write(table)
    out.write(struct.pack("<%dI" % len(flat), *flat))
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            emit(constant)


def sources():
    for folder, folders, names in os.walk(os.path.dirname(os.__file__)):
        folders[:] = [f for f in sorted(folders)
                      if f not in ("site-packages", "dist-packages",
                                   "__pycache__")]
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def main():
    out.write(struct.pack("<B", kind))
    for path in sources():
        with open(path, "rb") as f:
            text = f.read()
        try:
            code = compile(text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, TypeError, RecursionError
                if version >= (3, 5) else RuntimeError):
            continue  # files that are made to be wrong, for its own tests
        emit(code)
    out.flush()


import warnings
warnings.simplefilter("ignore")
main()
