#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""symbols.py COMPILER OBJECT...: every function and variable of Drover in these object files is one for the whole program, and
xxHash is called, not copied.

What a header makes `static`, or puts into an unnamed namespace, or in some places a lambda, is another entity in every
translation unit; an inline function that names it differs between them. Objects of the kind are local symbols.
The compiler first makes one object of each kind from a few lines, which have to be noticed.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# A symbol of the table: type, binding, section, name.
ROW = re.compile(r"^\s*\d+:\s+[0-9a-f]+\s+\w+\s+(\w+)\s+(\w+)\s+\w+\s+(\w+)\s+(\S+)", re.MULTILINE)

# The compilers make two functions of each coroutine, which it alone can reach.
OF_A_COROUTINE = re.compile(r"\.(actor|destroy|resume|cleanup)$")

PLANTED = """#include <cstdint>
extern "C" std::uint64_t XXH3_64bits_withSeed(void const*, std::size_t, std::uint64_t) { return 0; }
namespace drover {
static int of_this_unit(int a) { return a + 1; }
namespace { int hidden = 1; }
template <class T> struct table { template <class F> static constexpr T (*call)(T) = [](T a) -> T { return F{}(a); }; };
struct twice { int operator()(int a) const { return 2 * a; } };
constexpr int numbers[] = {1, 2, 3};
inline int shared(int a) { return a; }
inline int use(int a) { return of_this_unit(a) + hidden++ + table<int>::call<twice>(a) + *(numbers + a) + shared(a); }
}
int main() { return drover::use(1); }
"""
# Clang keeps the lambda one.
NOTICED = {"of_this_unit", "hidden", "numbers", "XXH3_64bits_withSeed"}


def wrong_in(path):
    said = subprocess.run(["readelf", "--symbols", "--wide", path], capture_output=True, text=True, check=True).stdout
    rows = ROW.findall(said)
    if len(rows) < 10:
        yield "it has hardly a symbol: is it an object file?"
    for kind, binding, section, name in rows:
        if re.match(r"XXH\d*_", name) and section != "UND" and binding != "LOCAL":
            yield f"{name} of xxHash is defined here"
        ours = re.match(r"_Z(L?|[TG][A-Z]+|[A-Z]*N[KVRO]*)6drover", name)
        if ours and binding == "LOCAL" and kind in ("FUNC", "OBJECT", "TLS") and not OF_A_COROUTINE.search(name):
            yield f"{name} is another one in every translation unit"


def main(compiler, *objects):
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "planted.cpp"), pathlib.Path(folder, "planted.o")
        source.write_text(PLANTED, encoding="utf-8")
        subprocess.run([compiler, "-std=c++20", "-O0", "-c", source, "-o", target], check=True)
        found = " ".join(wrong_in(target))
    missed = [name for name in NOTICED if name not in found]
    if missed:
        return f"planted, and not noticed: {', '.join(missed)}; found: {found}"
    wrong = [f"{path}: {sentence}" for path in objects for sentence in wrong_in(path)]
    print("\n".join(subprocess.run(["c++filt"], input="\n".join(wrong), capture_output=True, text=True, check=True).stdout
                    .splitlines()) or f"{len(objects)} object files, nothing of ours that is local to one")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
