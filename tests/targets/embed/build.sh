#!/bin/sh
# build.sh PYTHON OUT - builds embed.c against the libpython of an interpreter
# with that interpreter's own python-config. Exit status 77, with the reason,
# when it has none (no headers installed).
set -eu

if [ $# -ne 2 ]; then
	echo "usage: build.sh PYTHON OUT" >&2
	exit 2
fi
here=$(dirname "$0")
facts='import sys, sysconfig as s
v = s.get_config_var
print("%s/python%s%s-config" % (v("BINDIR"), v("VERSION"), v("ABIFLAGS") or ""))
print(v("LIBDIR"))'
facts=$("$1" -c "$facts")
config=$(echo "$facts" | sed -n 1p)
libdir=$(echo "$facts" | sed -n 2p)

if [ ! -x "$config" ]; then
	echo "no '$config': the headers of '$1' are not installed" >&2
	exit 77
fi
# Since 3.8 the library is named only on request.
flags=$("$config" --includes --ldflags --embed 2>/dev/null) ||
	flags=$("$config" --includes --ldflags)

# The warnings are about Python's headers, which differ by version.
# shellcheck disable=SC2086
${CC:-cc} -std=gnu11 -O1 -g -w -o "$2" "$here/embed.c" $flags \
	-Wl,-rpath,"$libdir" -pthread
