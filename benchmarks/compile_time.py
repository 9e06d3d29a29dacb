#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""compile_time.py [options] [NAME...]: what including Drover costs, as a ratio to something measured in the same run.

Compiles translation units that only include, and the README's examples, to an object file without optimisation. Each round
compiles each of them once, one after the other, so that a machine that is busy for a while is busy for all; the least processor
time of the compiler in user mode counts. With --check the exit code is 1 when a ratio misses its target by more than the
tolerance. NAME (as in the first column) measures only these and what they are compared with.
"""
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

# What a program that supervises something includes anyway. Fixed: a ratio to it is comparable from one version to the next.
BASKET = ["algorithm", "array", "chrono", "cstdint", "deque", "functional", "map", "memory", "mutex", "optional", "span",
          "string", "string_view", "unordered_map", "utility", "variant", "vector"]


class Unit:
    """A translation unit; `target`: how often its time may hold that of the unit `compared`."""

    def __init__(self, name, text, compared=None, target=None):
        self.name, self.text, self.compared, self.target = name, text, compared, target


def including(*headers):
    return "".join(f"#include <{header}>\n" for header in headers)


def example(name):
    return (ROOT / "examples" / f"{name}.cpp").read_text(encoding="utf-8")


UNITS = [
    Unit("basket", including(*BASKET)),
    Unit("drover.hpp", including("drover/drover.hpp"), "basket", 2.0),
    Unit("boost/asio.hpp", including("boost/asio.hpp")),
    Unit("net.hpp", including("drover/net.hpp"), "boost/asio.hpp", 1.5),
    Unit("simulation.hpp", including("drover/simulation.hpp"), "boost/asio.hpp"),
    Unit("coroutine.hpp", including("drover/coroutine.hpp"), "boost/asio.hpp"),
    Unit("quickstart.cpp", example("quickstart"), "boost/asio.hpp"),
    Unit("quickstart_sockets.cpp", example("quickstart_sockets"), "boost/asio.hpp"),
]


def user_seconds(command):
    """The processor time in user mode of the compiler and of all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    if done.returncode != 0:
        sys.exit(f"compile_time.py: the compiler failed: {' '.join(command)}\n{done.stdout}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def measure(units, compiler, rounds):
    """The least time of each unit, by name."""
    least = {}
    with tempfile.TemporaryDirectory() as folder:
        for unit in units:
            (pathlib.Path(folder) / f"{unit.name.replace('/', '_')}.cc").write_text(unit.text, encoding="utf-8")
        for _ in range(rounds):
            for unit in units:
                source = f"{folder}/{unit.name.replace('/', '_')}.cc"
                seconds = user_seconds([*compiler, "-c", source, "-o", f"{folder}/object.o"])
                least[unit.name] = min(seconds, least.get(unit.name, seconds))
    return least


def chosen(names):
    """The units of these names, and those that they are compared with; all of them if there are none."""
    known = {unit.name: unit for unit in UNITS}
    for name in names:
        if name not in known:
            sys.exit(f"compile_time.py: no unit is named '{name}'; there are {', '.join(known)}")
    wanted = set(names or known)
    wanted |= {known[name].compared for name in wanted}
    return [unit for unit in UNITS if unit.name in wanted]


def report(units, least, tolerance):
    """Prints the table, and returns the sentences about targets that were missed."""
    print(f"{'translation unit':<24}{'user s':>8}{'ratio':>8}  {'to':<16}target")
    missed = []
    for unit in units:
        line = f"{unit.name:<24}{least[unit.name]:>8.2f}"
        if unit.compared:
            ratio = least[unit.name] / least[unit.compared]
            line += f"{ratio:>8.2f}  {unit.compared:<16}"
            if unit.target:
                line += f"{unit.target}"
            if unit.target and ratio > unit.target * (1 + tolerance):
                missed.append(f"{unit.name} takes {ratio:.2f} x {unit.compared}; the target is {unit.target}")
        print(line.rstrip())
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--compiler", default="g++", help="default: %(default)s")
    parser.add_argument("--flags", default="-std=c++20 -O0", help="default: %(default)s")
    parser.add_argument("--include", action="append", default=None, metavar="DIR", help="default: the include/ of this tree")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--tolerance", type=float, default=0.1, help="share of the target; default: %(default)s")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    folders = options.include if options.include is not None else [str(ROOT / "include")]
    compiler = [options.compiler, *options.flags.split(), *(f"-I{folder}" for folder in folders)]

    units = chosen(options.names)
    missed = report(units, measure(units, compiler, options.rounds), options.tolerance)
    for sentence in missed:
        print(f"missed: {sentence}")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
