#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""check.py SOURCE COMPILER FLAG...: holds accept_*.cpp and reject_*.cpp to their names.

An accept_ file compiles, without a warning. A reject_ file does not, and the first error that the compiler reports is the
sentence of the file's line of the form `// expect: sentence`.
"""
import pathlib
import re
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]


def main(source, compiler, *flags):
    expected = re.search(r"^// expect: (.+)$", pathlib.Path(source).read_text(encoding="utf-8"), re.MULTILINE)
    must_compile = pathlib.Path(source).name.startswith("accept_")
    if must_compile == bool(expected):
        return f"{source}: a reject_ file has a line '// expect: sentence', and an accept_ file has none"

    # Languages other than English would translate what the compiler says around the sentence.
    run = subprocess.run([compiler, *flags, *WARNINGS, "-fsyntax-only", source], capture_output=True, text=True,
                         env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    said = run.stdout + run.stderr
    if must_compile:
        return None if run.returncode == 0 else f"{source}: must compile, and does not:\n{said}"
    if run.returncode == 0:
        return f"{source}: must not compile, and does"
    first = next((line for line in said.splitlines() if re.search(r"\berror: ", line)), "")
    if expected.group(1).strip() not in first:
        return f"{source}: does not compile, as it should, but the first error is not '{expected.group(1)}':\n{said}"
    return None


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
