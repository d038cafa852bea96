"""Packs this tree's modules as one version into a file proxy: pack.py DIR VERSION. GOPROXY=file://DIR serves them."""
import json
import pathlib
import re
import subprocess
import sys
import time
import zipfile

proxy, version = pathlib.Path(sys.argv[1]), sys.argv[2]
files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, capture_output=True, text=True)
tree = sorted(f for f in files.stdout.split("\0") if f and pathlib.Path(f).is_file())


def escape(path):
    """As the module proxy protocol writes upper-case letters: !x for X."""
    return re.sub("[A-Z]", lambda m: "!" + m.group().lower(), path)


roots = [str(pathlib.Path(f).parent) for f in tree if pathlib.Path(f).name == "go.mod"]
for root in roots:
    inner = [r + "/" for r in roots if r != root and (root == "." or r.startswith(root + "/"))]
    if root.startswith("interop"):
        continue  # a program of the tests, not a module for others
    gomod = pathlib.Path(root, "go.mod").read_text(encoding="utf-8")
    path = re.search(r"^module (\S+)$", gomod, re.MULTILINE).group(1)
    out = proxy / escape(path) / "@v"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{version}.mod").write_text(gomod, encoding="utf-8")
    (out / f"{version}.info").write_text(json.dumps({"Version": version, "Time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))
    (out / "list").write_text(version + "\n")
    with zipfile.ZipFile(out / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for f in tree:
            if (root == "." or f.startswith(root + "/")) and not any(f.startswith(i) for i in inner):
                archive.write(f, f"{path}@{version}/{f if root == '.' else f[len(root) + 1:]}")
    print(f"packed {path}@{version}")
