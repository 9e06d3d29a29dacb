#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""macros.py COMPILER: who includes Drover gets no macro of ours, and those of others as the headers that we need leave them.

Compares the macros after all headers of Drover with those after the foreign headers that they include, for include/ and for
single_include/, whose one kind of macro is stated below. A header with a macro of each kind is planted first, and has to be
noticed.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# In single_include/ a header that two of the files hold is guarded there.
ALLOWED = {"include": r"(?!)", "single_include": r"DROVER_SINGLE_INCLUDE_[A-Z0-9_]+"}

# What a program may have defined before it includes us, and must find as it was.
OF_THE_PROGRAM = "#define XXH3_64bits_withSeed renamed_by_the_program\n#define NDEBUG\n"


def macros(compiler, folder, headers):
    """{name: all that follows}, after these headers."""
    text = OF_THE_PROGRAM + "".join(f"#include <{header}>\n" for header in headers)
    said = subprocess.run([compiler, "-std=c++20", "-pthread", f"-I{folder}", "-dM", "-E", "-x", "c++", "-"], input=text,
                          capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^#define (\w+)(.*)$", said, re.MULTILINE))


def wrong_in(compiler, folder, allowed):
    """The names of macros that are not what they should be after the headers below `folder`."""
    ours = sorted(path.relative_to(folder).as_posix() for path in (folder / "drover").rglob("*.hpp"))
    foreign = sorted({name for header in ours for name in
                      re.findall(r"^\s*#\s*include\s*<(?!drover/)([^>]+)>", (folder / header).read_text(encoding="utf-8"), re.MULTILINE)})
    before, after = macros(compiler, folder, foreign), macros(compiler, folder, ours)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    # Nothing of xxHash either: we do without its header.
    return sorted(name for name in changed | {name for name in after if re.match(r"XX?H_", name)} if not re.fullmatch(allowed, name))


def main(compiler):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "drover").mkdir()
        (folder / "drover" / "planted.hpp").write_text(
            "#include <cstddef>\n#include <xxhash.h>\n#define LEAKED 1\n#undef NDEBUG\n#define XXH3_64bits_withSeed mine\n"
            "#define KEPT 2\n#undef KEPT\n", encoding="utf-8")
        planted = wrong_in(compiler, folder, r"(?!)")
        if not {"LEAKED", "NDEBUG", "XXH3_64bits_withSeed", "XXH_VERSION_MAJOR"} <= set(planted) or "KEPT" in planted:
            return f"planted macros were not noticed: {planted}"
    wrong = [f"{folder}: {name}" for folder, allowed in ALLOWED.items() for name in wrong_in(compiler, ROOT / folder, allowed)]
    print("\n".join(wrong) or "no macro of ours")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
