"""Every instruction of the standard library of each interpreter decodes to the
line that this interpreter itself says: tests/integration/lines."""
import os
import shlex
import sys

from harness import ROOT, Skip, each_python, expect

RUN = os.path.join(ROOT, "tests", "integration", "lines", "run.py")


@each_python(quick=False)
def test_whole_standard_library(t):
    tool = t.tool("line_of")
    if not os.path.exists(tool):
        raise Skip("there is no '%s'" % tool)
    argv = " ".join(map(shlex.quote, t.python.argv()))
    result = t.run([sys.executable, RUN, "--tool", tool, argv], seconds=300,
                   status=None)
    expect(result.status == 0 and result.out.startswith("ok "), "%s", result)
