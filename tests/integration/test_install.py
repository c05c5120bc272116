"""make install, uninstall and dist."""
import io
import os
import re
import subprocess
import tarfile

from harness import ROOT, Skip, equal, expect, need


def made(t, *words, **options):
    """Runs make on the build that is tested."""
    folder = os.path.dirname(t.program)
    build, sanitize = folder, ""
    if t.sanitized:
        build, _, name = folder.rpartition("/san-")
        sanitize = name.replace("-", ",")
    t.environment.pop("MAKEFLAGS", None)
    return t.run([need("make"), "-C", ROOT, "BUILD=" + build,
                  "SANITIZE=" + sanitize] + list(words), seconds=600,
                 **options)


def files_below(folder):
    """{path: octal mode} of everything that is no folder."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = "%o" % (
                os.stat(path).st_mode & 0o7777)
    return found


def wanted(prefix):
    files = {"bin/pystrobe": "755",
             "share/bash-completion/completions/pystrobe": "644",
             "share/zsh/site-functions/_pystrobe": "644",
             "share/fish/vendor_completions.d/pystrobe.fish": "644"}
    for page in os.listdir(os.path.join(ROOT, "man")):
        files["share/man/man%s/%s" % (page[-1], page)] = "644"
    return {os.path.join(prefix, name): mode for name, mode in files.items()}


def test_install(t):
    """Where all goes, with and without a PREFIX, whatever the umask; the
    installed program runs; and uninstall leaves nothing of it behind."""
    for prefix in (None, "/usr", "/opt/tools"):
        root = t.path("root of " + (prefix or "none").replace("/", "_"))
        words = ["DESTDIR=" + root] + (["PREFIX=" + prefix] if prefix else [])
        made(t, "install", *words, umask=0o077)
        below = (prefix or "/usr/local").lstrip("/")
        equal(files_below(root), wanted(below), "what was installed")
        program = os.path.join(root, below, "bin", "pystrobe")
        equal(t.run([program, "-V"]).out, t.pystrobe("-V").out, "its version")
        # What somebody else has put there stays.
        other = os.path.join(root, below, "share", "man", "man1", "other.1")
        open(other, "w").close()
        made(t, "uninstall", *words)
        equal(list(files_below(root)), [os.path.relpath(other, root)],
              "what is left")
        os.unlink(other)
        made(t, "install", *words)
        made(t, "uninstall", *words)
        equal(os.listdir(root), [], "folders that are left")
        made(t, "uninstall", *words)


def test_every_command_has_a_page(t):
    commands = re.search(r"^commands: (.*)$", t.pystrobe("-V").out,
                         re.M).group(1).split()
    pages = os.listdir(os.path.join(ROOT, "man"))
    for command in commands:
        expect("pystrobe-%s.1" % command in pages, "no page of %s", command)


def test_package_version(t):
    """debian/changelog begins with the version that is being built."""
    version = t.pystrobe("-V").out.split()[1]
    with open(os.path.join(ROOT, "debian", "changelog")) as f:
        expect(f.readline().startswith("pystrobe (%s) " % version),
               "debian/changelog is of another version than %s", version)


def distribution(t, tree, folder, **environment):
    """The bytes of the tarball that make dist writes in a tree."""
    os.makedirs(folder, exist_ok=True)
    t.run([need("make"), "-s", "-C", tree, "dist", "BUILD=" + folder],
          env=dict(t.environment, **environment))
    names = [n for n in os.listdir(folder) if n.endswith(".tar.gz")]
    equal(len(names), 1, "tarballs of %r" % names)
    with open(os.path.join(folder, names[0]), "rb") as f:
        return names[0], f.read()


def test_dist(t):
    """The same bytes each time, what git has and no more, owned by nobody in
    particular; and from the unpacked tree, without git, the same once more."""
    if not os.path.exists(os.path.join(ROOT, ".git")):
        raise Skip("this is no checkout of git")
    need("git")
    t.environment.pop("MAKEFLAGS", None)
    name, data = distribution(t, ROOT, t.path("a"))
    equal(distribution(t, ROOT, t.path("b"))[1] == data, True, "same bytes")
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], stdout=subprocess.PIPE,
        check=True).stdout.decode().split("\0")[:-1]
    tree = name[:-len(".tar.gz")]
    equal(data[4:8], b"\0\0\0\0", "gzip's time")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
        equal([m.name for m in members], sorted(m.name for m in members),
              "order")
        equal(sorted(m.name for m in members if not m.isdir()),
              sorted("%s/%s" % (tree, n) for n in listed if os.path.lexists(
                  os.path.join(ROOT, n))), "files")
        equal({(m.uid, m.gid, m.uname, m.gname) for m in members},
              {(0, 0, "", "")}, "owners")
        equal(len({m.mtime for m in members}), 1, "one time for all")
        when = members[0].mtime
        tar.extractall(t.path("tree"))
    again = distribution(t, t.path("tree", tree), t.path("c"),
                         SOURCE_DATE_EPOCH=str(when))
    equal(again[1] == data, True, "same bytes from a tree without git")
    other = distribution(t, ROOT, t.path("d"), SOURCE_DATE_EPOCH="86400")
    with tarfile.open(fileobj=io.BytesIO(other[1])) as tar:
        equal({m.mtime for m in tar.getmembers()}, {86400}, "the time given")


def test_package_sources(t):
    """lintian, which 'make deb' ends with, has nothing against the sources."""
    if not os.path.exists(os.path.join(ROOT, ".git")):
        raise Skip("this is no checkout of git")
    tools = [need(tool) for tool in ("git", "dpkg-source", "lintian")]
    t.environment.pop("MAKEFLAGS", None)
    name, data = distribution(t, ROOT, t.path("a"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(t.path("tree"))
    tree = name[:-len(".tar.gz")]
    t.run([tools[1], "-b", tree], cwd=t.path("tree"))
    found = [n for n in os.listdir(t.path("tree")) if n.endswith(".dsc")]
    equal(len(found), 1, "descriptions of %r" % found)
    said = t.run([tools[2], "--fail-on", "error,warning", "--allow-root",
                  found[0]], cwd=t.path("tree"), status=None, seconds=300)
    equal((said.status, said.out), (0, ""), "what lintian says")
