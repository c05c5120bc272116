"""The manual pages, the help and the README say the same, and what is true."""
import os
import re
import shlex

from harness import (EXIT_DENIED, EXIT_USAGE, ROOT, contains, equal, expect,
                     need)

MAN = os.path.join(ROOT, "man")
COMMANDS = ("record", "report", "dump", "convert", "top")


def page(name):
    with open(os.path.join(MAN, name)) as f:
        return f.read()


def option_rows(text):
    """(letter, long name, argument) of a help text's options."""
    rows = re.findall(r"^  (?:-(\w), |    )--([\w-]+)(?: ([A-Z]+))?(?:  |$)",
                      text, re.M)
    return {(letter, name, argument) for letter, name, argument in rows}


def option_items(text):
    """The same of a manual page: '.It Fl p , Fl Fl pid Ar PID'."""
    rows = re.findall(r"^\.It (?:Fl (\w) , )?Fl Fl ([\w-]+)(?: Ar (\w+))?$",
                      text, re.M)
    return {(letter, name, argument) for letter, name, argument in rows}


def test_pages_are_valid(t):
    """mandoc finds nothing to warn of in any page."""
    mandoc = need("mandoc")
    pages = sorted(os.listdir(MAN))
    expect(len(pages) >= 4, "pages: %r", pages)
    for name in pages:
        result = t.run([mandoc, "-Tlint", "-Wwarning", os.path.join(
            MAN, name)], status=None)
        equal((result.status, result.out + result.err), (0, ""),
              "what mandoc says of " + name)


def test_options_agree(t):
    """Each option of the help is in the manual page, and the reverse."""
    for command in COMMANDS:
        told = option_rows(t.pystrobe(command, "-h").out)
        written = option_items(page("pystrobe-%s.1" % command))
        expect(len(told) > 3, "options of the help: %r", told)
        equal(sorted(told - written), [], "only in the help of " + command)
        equal(sorted(written - told), [], "only in the page of " + command)


def test_synopsis_agrees(t):
    """The words of the usage line are those of the page's synopsis."""
    for command in COMMANDS:
        usage = re.search(r"^Usage: (.*)$", t.pystrobe(command, "-h").out,
                          re.M).group(1)
        synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", page(
            "pystrobe-%s.1" % command), re.M | re.S).group(1)
        synopsis = re.sub(r"\b(Fl Fl|Fl \\?-)(?=\s|$)", "--", synopsis)
        synopsis = re.sub(r"\bFl (\w)", r"-\1", synopsis)
        synopsis = re.sub(r"^\.|\b(Nm|Op|Ar|Cm|Fl|Oo|Oc)\b", " ", synopsis,
                          flags=re.M)
        wanted = set(re.findall(r"--?\w*|\w+", usage.lower()))
        found = set(re.findall(r"--?\w*|\w+", synopsis.lower()))
        equal(sorted(found), sorted(wanted), "words of the synopsis of " +
              command)


def test_help(t):
    """Help goes to standard output with status 0, however it is asked for."""
    overview = t.pystrobe("-h")
    for args in (["--help"], ["help"]):
        equal(t.pystrobe(*args).out, overview.out, "help by %s" % args)
    for command in COMMANDS:
        expect(command in overview.out, "no word of %s: %s", command, overview)
        equal(t.pystrobe(command, "--help").out, t.pystrobe(
            command, "-h").out, "two ways to ask")
        expect(all(len(line) <= 80 for line in t.pystrobe(
            command, "-h").out.split("\n")), "more than 80 columns: %s",
            t.pystrobe(command, "-h").out)
    version = t.pystrobe("--version").out.split("\n")[0].split()
    equal(version[0], "pystrobe", "name")
    with open(os.path.join(ROOT, "NEWS")) as news:
        equal(news.readline().split(), version, "first line of NEWS")
    with open(os.path.join(ROOT, "Makefile")) as makefile:
        expect("VERSION = %s\n" % version[1] in makefile.read(), "Makefile")


def test_version(t):
    """Name and version alone on the first line, then "what: words"."""
    lines = t.pystrobe("-V").out.rstrip("\n").split("\n")
    equal(t.pystrobe("--version").out.rstrip("\n").split("\n"), lines, "two ways")
    facts = dict(line.split(": ", 1) for line in lines[1:])
    equal(list(facts), ["python", "commands", "formats"], "what it tells")
    equal(facts["commands"].split(), re.findall(
        r"^  (\w+) +[A-Z]", t.pystrobe("-h").out, re.M), "commands")
    contains(t.pystrobe("record", "-p", "1", "-f", "?", status=2).err,
             ", ".join(facts["formats"].split()), "formats that there are")
    with open(os.path.join(ROOT, "README.md")) as f:
        contains(f.read().replace("\n", " "), "CPython %s on Linux" %
                 facts["python"], "README")


def test_statuses(t):
    """Each page of a command says how it ends."""
    for command in COMMANDS:
        text = page("pystrobe-%s.1" % command)
        expect(re.search(r"^\.Sh EXIT STATUS\n(.+\n)*?\.Xr pystrobe 1", text,
                         re.M), "the page of %s does not", command)
    common = page("pystrobe.1")
    for status in (0, 1, EXIT_USAGE, EXIT_DENIED):
        expect(re.search(r"^\.It %d$" % status, common, re.M),
               "no word of status %d", status)


def commands_in(text):
    """Every pystrobe command line that a text shows as an example."""
    for line in text.split("\n"):
        match = re.match(r"(?:\.Dl )?\s*[$#]?\s*(?:sudo )?"
                         r"(?:build/)?pystrobe ((?:%s) .*)" %
                         "|".join(COMMANDS), line)
        if match:
            yield match.group(1).replace("\\-", "-").partition(" | ")[0]


def test_examples_fit(t):
    """On a terminal of 80 columns none is broken into two lines."""
    for name in os.listdir(MAN):
        for line in page(name).split("\n"):
            expect(not line.startswith(".Dl ") or len(line) <= 4 + 67,
                   "%s: too long: %s", name, line)


def test_examples_are_possible(t):
    """The options of each example exist and their values are understood."""
    texts = [page(name) for name in os.listdir(MAN)]
    texts += [t.pystrobe(command, "-h").out for command in COMMANDS]
    for name in ("README.md", "HACKING.md"):
        with open(os.path.join(ROOT, name)) as f:
            texts.append(f.read())
    seen = set()
    # One that is not there would be waited for by --watch.
    open(t.path("run.strobe"), "w").close()
    for example in {line for text in texts for line in commands_in(text)}:
        words = shlex.split(example, comments=True)
        # Nobody has this PID and this program: all else must be right.
        words = ["4194304" if word in ("1234", "1235", "PID", "$PID")
                 else word for word in words]
        if "--" in words:
            words = words[:words.index("--") + 1] + ["/nonexistent"]
        result = t.pystrobe(*words, status=None, cwd=t.folder)
        expect(result.status == 1, "example '%s': %s", example, result)
        seen.add(words[0])
    equal(sorted(seen), sorted(COMMANDS), "commands with examples")


def test_files_that_are_named_exist(t):
    """Links and paths of README and HACKING lead somewhere."""
    for name in ("README.md", "HACKING.md"):
        with open(os.path.join(ROOT, name)) as f:
            text = f.read()
        links = re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", text)
        paths = [one or other for one, other in links]
        paths += re.findall(r"`((?:src|tests|scripts|man|include)/[\w./-]+)`",
                            text)
        for path in paths:
            if not re.search(r"NNN|<", path):
                expect(os.path.exists(os.path.join(ROOT, path)),
                       "%s names '%s', which is not there", name, path)
