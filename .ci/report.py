"""Reads the events of `go test -json`: prints the output that a person wants to see, or (--count) counts the tests."""
import json
import sys

count_only = sys.argv[1] == "--count"
passed = failed = skipped = 0
output = {}  # (package, test) -> lines, kept until the test has ended
for line in open(sys.argv[-1], encoding="utf-8"):
    try:
        event = json.loads(line)
    except ValueError:
        print(line, end="")
        continue
    key = (event.get("Package"), event.get("Test"))
    action = event["Action"]
    if action == "output":
        output.setdefault(key, []).append(event["Output"])
    if action == "build-output" and not count_only:
        print(event["Output"], end="")
    if action not in ("pass", "fail", "skip"):
        continue
    lines = output.pop(key, [])
    if key[1]:
        passed += action == "pass"
        failed += action == "fail"
        skipped += action == "skip"
        wanted = lines if action != "pass" else [l for l in lines if "interop:" in l or "scenario:" in l]
    else:
        wanted = [l for l in lines if l.startswith(("ok", "FAIL", "---", "panic", "\t", " "))]
    if not count_only:
        print("".join(wanted), end="")
if count_only:
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
