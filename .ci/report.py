"""Runs `go test -json` with the arguments given and prints what a person wants to see of it. The events go to the end of the
file that TESTS names; `report.py --count FILE` counts the tests in it.

Up to three tests that fail run once more, each package's alone: what passes then is told as flaky, for someone to mend, and
fails nothing. A data race, a panic, a build that fails, and what fails twice fail the run."""
import json
import os
import re
import subprocess
import sys


def events_of(lines):
    for line in lines:
        try:
            yield json.loads(line), line
        except ValueError:
            yield None, line


def show(stream):
    """Prints what matters while it comes, and returns the events and what there is to say of failures."""
    output, events, failures = {}, [], []  # output: (package, test) -> lines, kept until the test has ended
    for event, line in events_of(stream):
        if event is None:
            print(line, end="", flush=True)
            continue
        events.append(event)
        key = (event.get("Package"), event.get("Test"))
        action = event["Action"]
        if action == "output":
            output.setdefault(key, []).append(event["Output"])
        if action == "build-output":
            print(event["Output"], end="")
        if action not in ("pass", "fail", "skip"):
            continue
        lines = output.pop(key, [])
        if key[1]:
            wanted = lines if action != "pass" else [l for l in lines if "interop:" in l or "scenario:" in l]
        else:
            wanted = [l for l in lines if l.startswith(("ok", "FAIL", "---", "panic", "\t", " "))]
        if action == "fail":
            failures += wanted
        else:
            print("".join(wanted), end="", flush=True)
    return events, failures


def run(args):
    go = subprocess.Popen(["go", "test", *args], stdout=subprocess.PIPE, text=True, errors="replace")
    events, failures = show(go.stdout)
    return go.wait(), events, failures


def worth_another_run(events):
    """The tests that failed, by package; none if they are many or failed for a reason that no second run excuses."""
    broken = re.compile(r"DATA RACE|^panic: |^fatal error: |deadlock|goroutine stack exceeds")
    if any(broken.search(e.get("Output", "")) for e in events):
        return {}
    failed, packages = {}, set()
    for e in events:
        if e["Action"] == "fail" and "Test" not in e:
            packages.add(e["Package"])
        elif e["Action"] == "fail" and "/" not in e["Test"]:
            failed.setdefault(e["Package"], []).append(e["Test"])
    if packages - failed.keys() or sum(map(len, failed.values())) > 3:
        return {}
    return failed


def again(args, package, tests):
    """The arguments that run these tests alone."""
    kept, skip = [], False
    for arg in args:
        if skip or arg.startswith(("./", "-shuffle", "-count")):
            skip = False
        elif arg == "-run":
            skip = True
        else:
            kept.append(arg)
    cut = next((i for i, a in enumerate(kept) if a in ("-seeds", "-long")), len(kept))  # what the tests themselves read
    return [*kept[:cut], "-count=1", "-run", "^(" + "|".join(tests) + ")$", package, *kept[cut:]]


def save(events):
    with open(os.environ["TESTS"], "a", encoding="utf-8") as out:
        for e in events:
            if e["Action"] in ("pass", "fail", "skip") and "Test" in e:
                out.write(json.dumps({k: e[k] for k in ("Action", "Package", "Test")}) + "\n")


def main(args):
    status, events, failures = run(args)
    failed = worth_another_run(events) if status else {}
    print("".join("| " * bool(failed) + line for line in failures), end="", flush=True)
    if not failed:
        save(events)
        return status
    save(e for e in events if e["Action"] != "fail")
    status = 0
    for package, tests in failed.items():
        print(f"\n-- once more, alone: {package} {' '.join(tests)}")
        code, events, failures = run(again(args, package, tests))
        print("".join(failures), end="", flush=True)
        save(events)
        if code == 0:
            print(f"FLAKY, to be mended: {package} {' '.join(tests)}")
        status = status or code
    return status


def count(path):
    n = dict.fromkeys(("pass", "fail", "skip"), 0)
    for event, _ in events_of(open(path, encoding="utf-8")):
        n[event["Action"]] += 1
    print(f"{n['pass']} passed, {n['fail']} failed, {n['skip']} skipped")


if __name__ == "__main__":
    sys.exit(count(sys.argv[2]) if sys.argv[1] == "--count" else main(sys.argv[1:]))
