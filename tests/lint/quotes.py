#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""Checks that C++ in the documentation is quoted from compiled files, and that the tests which it names exist.

Every ```cpp block in README.md and docs/ follows a line `<!-- from: PATH -->`, and stands in that file, line by line
(indentation aside). What docs/guarantees.md says to be shown by a test (`unit/NAME`, `reject_NAME`, ...) is a file of tests/.
"""

import pathlib
import re
import sys

project = pathlib.Path(__file__).resolve().parents[2]
pages = [project / "README.md", *sorted((project / "docs").rglob("*.md"))]


def stripped(text):
    return "\n".join(line.strip() for line in text.strip("\n").splitlines())


def faults(page):
    text = page.read_text()
    name = page.relative_to(project)
    for match in re.finditer(r"^```cpp\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        before = text[: match.start()].rstrip("\n").rsplit("\n", 1)[-1]
        source = re.fullmatch(r"<!-- from: (\S+) -->", before)
        if not source:
            yield f"{name}:{line}: a C++ block says nowhere which compiled file it is from"
        elif not (project / source[1]).is_file():
            yield f"{name}:{line}: {source[1]} does not exist"
        elif stripped(match[1]) not in stripped((project / source[1]).read_text()):
            yield f"{name}:{line}: this is not (or no longer) what {source[1]} says"


def missing_tests(page):
    for match in re.finditer(r"\b((?:unit|scenario|simulation|cluster|conformance)/\w+|(?:accept|reject)_[a-z]\w+)", page.read_text()):
        name = match[1] if "/" in match[1] else f"compile/{match[1]}"
        if not any((project / "tests").glob(name + ".*")):
            yield f"{page.relative_to(project)}: there is no tests/{name}"


found = [fault for page in pages if page.is_file() for fault in faults(page)]
found += missing_tests(project / "docs/guarantees.md")
print("\n".join(found) or "all quotes are from compiled files")
sys.exit(1 if found else 0)
