#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""lint.py [--self-test]: holds the layers, the purity of the pure rooms, and the style of the text.

Prints one line a breach, `file:line: sentence`, and exits with 1 if there is one. --self-test plants a breach of each
kind in a copy of the tree, and checks that each is reported.
"""
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# --- The layers: what each folder may include, besides itself -------------------------------------------------------
#
# Names of folders of include/drover, or of the groups in TOP_LEVEL; `std`; or a set of headers from EXTERNAL.

ROOMS = ["membership", "placement", "store", "supervision", "ownership", "registry"]  # blind to one another
PURE = ["base", "wire", "policy", "link", *ROOMS, "core"]

LAYERS = {
    "base": ["std"],
    "wire": ["std", "base"],
    "policy": ["std", "base", "wire"],
    "link": ["std", "base", "wire", "policy"],
    **{room: ["std", "base", "wire", "policy"] for room in ROOMS},
    "core": ["std", "base", "wire", "policy", *ROOMS],
    "error_code": ["std", "base", "system"],
    "node_options": ["std", "base", "policy"],
    "child": ["std", "base", "policy", "supervision", "error_code", "completion"],
    "shells": ["std", *(set(PURE) - {"link"}), "error_code", "node_options", "child", "completion"],
    "handlers": ["std", "base", "child", "completion", "executors"],
    "simulation": ["std", *PURE, "error_code", "node_options", "child", "handlers", "shells", "asio"],
    "coroutine": ["std", *PURE, "error_code", "child", "handlers", "asio"],
    "process": ["std", "base", "error_code", "child", "asio", "posix"],
    "json": ["std", "base", "supervision", "child", "boost_json", "posix"],
    "sqlite": ["std", "base", "wire", "policy", "sqlite3", "posix"],
    "net": ["std", *PURE, "error_code", "node_options", "child", "handlers", "shells", "asio", "beast"],
    "conformance": ["std", *PURE, "error_code", "node_options", "child", "handlers", "shells", "simulation"],
    "umbrellas": ["std", *PURE, "error_code", "node_options", "child", "handlers", "shells", "simulation", "coroutine", "net",
                  "process", "sqlite", "json", "conformance"],
}

TOP_LEVEL = {
    "error_code.hpp": "error_code",
    "node_options.hpp": "node_options",
    "completion.hpp": "handlers",
    "node.hpp": "shells",
    "pending_operations.hpp": "shells",
    "journal_runner.hpp": "shells",
    "shell_journal.hpp": "shells",
    "shell_children.hpp": "shells",
    "supervisor_hooks.hpp": "shells",
    "supervisor_shell.hpp": "shells",
    "source_runner.hpp": "shells",
    "distributed_supervisor.hpp": "shells",
    "local_supervisor_shell.hpp": "shells",
    "local_supervisor.hpp": "shells",
    "drover.hpp": "umbrellas",
    "simulation.hpp": "umbrellas",
    "net.hpp": "umbrellas",
    "coroutine.hpp": "umbrellas",
    "process.hpp": "umbrellas",
    "sqlite.hpp": "umbrellas",
    "json.hpp": "umbrellas",
    "conformance.hpp": "umbrellas",
}

EXTERNAL = {
    "std": r"[a-z_0-9]+",
    "system": r"boost/system/\w+\.hpp",
    # What includes Asio's executors (associated_executor.hpp does) is dear: of all that drover.hpp includes, nothing may.
    "completion": r"boost/(asio/(async_result|associated_(allocator|cancellation_slot)|cancellation_\w+|error)\.hpp"
                  r"|system/\w+\.hpp)",
    "executors": r"boost/asio/(associated_executor|dispatch)\.hpp",
    "asio": r"boost/(asio\.hpp|asio/.+|system/.+)",
    "posix": r"(sys/)?\w+\.h",
    "sqlite3": r"sqlite3\.h",
    "boost_json": r"boost/json/\w+\.hpp",
    "beast": r"boost/(beast\.hpp|beast/.+)",
}

# Where one header, or the headers of one folder, alone may name something: it is a seam.
SEAMS = [(r"\bXXH\w*|\bxxhash\.h\b", "base/hash.hpp", "xxHash is named in base/hash.hpp alone: use hash64"),
         (r"\bsqlite3\w*|\bSQLITE_\w+", "sqlite/", "SQLite is named in sqlite/ alone: use sqlite_journal"),
         (r"\bboost(::|/)json\b", "json/document.hpp", "Boost.JSON is named in json/document.hpp alone: use json::parse")]

# What may stand outside of namespace drover: a specialisation of a template that is somebody else's.
OUTSIDE = r"(namespace drover\b|template\s*<.*?>\s*(struct|class|inline constexpr \w+)\s+(boost|std)::)"

# --- What the pure rooms must not name ------------------------------------------------------------------------------

IMPURE = [
    (r"\b\w+_clock\b|\bclock_gettime\b|\bgettimeofday\b", "a pure room has no clock: time comes in as an argument"),
    (r"\bstd::(thread|jthread|this_thread|mutex|condition_variable|async)\b", "a pure room has no threads"),
    (r"#\s*include\s*<(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token)>",
     "a pure room has no threads"),
    (r"\brandom_device\b|\bs?rand\s*\(|\bgetrandom\b", "a pure room has no random source: draw from a random_stream"),
    (r"#\s*include\s*<random>|\b\w+_distribution\b|\bstd::(shuffle|sample|mt19937\w*)\b",
     "the distributions of the standard library differ between implementations: draw from a random_stream"),
    (r"\bstd::hash\b", "std::hash differs between implementations: use hash64"),
    (r"\b(float|double)\b", "a decision of the protocol takes no floating point"),
    (r"\bboost\b", "a pure room knows nothing of Boost"),
    (r"\bgetenv\b", "a pure room does not read the environment"),
]

# --- Style ----------------------------------------------------------------------------------------------------------

COPYRIGHT = "Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0."
CODE_FOLDERS = ["include", "tests", "examples", "benchmarks"]
TEXT_FOLDERS = [*CODE_FOLDERS, "cmake", "tools", "docs", "single_include"]
LINE_LENGTH_MAX = 130
HEADER_LINES_MAX = 600
SLEEPS = r"\b(sleep_for|sleep_until|usleep|nanosleep)\b"
UNFINISHED = r"\b(TODO|FIXME|XXX)\b"
MACHINE_PATHS = r"(?<![\w.<>}/-])/(work|home)/"


def without_comments_and_strings(text):
    """The same text, as many lines, with nothing in comments and between quotes."""
    token = re.compile(r"//[^\n]*|/\*.*?\*/|\bR\"(?P<mark>[^(\n]*)\(.*?\)(?P=mark)\"|\"(?:\\.|[^\"\\\n])*\""
                       r"|(?<!\w)'(?:\\.|[^'\\\n])+'", re.DOTALL)

    def blank(match):
        if re.search(r"#\s*include\s*$", text[max(0, match.start() - 40):match.start()]):
            return match[0]  # an include in quotes
        return ('""' if match[0][-1] == '"' else " ") + "\n" * match[0].count("\n")
    return token.sub(blank, text)


def names_of_unordered(code):
    """The names of what is declared as std::unordered_...<...> in this file. Best effort: an alias hides it."""
    for start in re.finditer(r"\bunordered_\w+\s*<", code):
        depth, at = 1, start.end()
        while depth > 0 and at < len(code):
            depth += {"<": 1, ">": -1}.get(code[at], 0)
            at += 1
        name = re.match(r"\s*(?:const)?\s*&?\s*(\w+)\s*[;={,)]", code[at:at + 200])
        if name:
            yield name[1]


def room_of(path):
    """The line of LAYERS that holds for a header: `path` is relative to include/drover."""
    return TOP_LEVEL.get(path.name) if len(path.parts) == 1 else path.parts[0]


def check_layers(path, code):
    room = room_of(path)
    if room not in LAYERS:
        yield 1, f"nothing is said in the layers about {path.parts[0]}"
        return
    for number, line in enumerate(code.splitlines(), 1):
        include = re.match(r"\s*#\s*include\s*(.)([^>\"]+)", line)
        if not include:
            continue
        target = include[2]
        if include[1] != "<":
            yield number, "a header is included as <drover/...>, not in quotes"
        elif target.startswith("drover/"):
            other = room_of(pathlib.PurePath(target).relative_to("drover"))
            if other != room and other not in LAYERS[room]:
                yield number, f"{room} must not include {target}: it may use {', '.join(sorted(LAYERS[room]))}"
        else:
            sets = [name for name in LAYERS[room] if name in EXTERNAL]
            if not any(re.fullmatch(EXTERNAL[name], target) for name in sets):
                yield number, f"{room} must not include <{target}>: outside Drover it may use {', '.join(sorted(sets))}"


def check_seams(path, code):
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, home, sentence in SEAMS:
            inside = path.as_posix().startswith(home) if home.endswith("/") else path.as_posix() == home
            if not inside and re.search(pattern, line):
                yield number, sentence


def check_names(path, code):
    """What a program gets by including us lies in namespace drover; no macro, and no using directive."""
    depth, statement, began = 0, "", 0
    for number, line in enumerate(code.splitlines(), 1):
        if re.match(r"\s*#", line):
            if re.match(r"\s*#\s*define\b", line):
                yield number, "a header defines no macro"
            continue
        if re.search(r"\busing namespace\b", line):
            yield number, "a header has no using directive"
        for character in line + " ":
            if depth == 0:
                if not statement.strip():
                    statement, began = "", number
                if character in "{;":
                    if statement.strip() and not re.match(OUTSIDE, statement.strip()):
                        yield began, "a header declares nothing outside of namespace drover"
                    statement = ""
                elif character != "}":
                    statement += character
            depth += (character == "{") - (character == "}")


def check_purity(path, code):
    if room_of(path) not in PURE:
        return
    unordered = set(names_of_unordered(code))
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, sentence in IMPURE:
            if re.search(pattern, line):
                yield number, sentence
        walked = re.search(r"\bfor\s*\([^;]*[^:]:\s*[\w.>*()-]*?(\w+)\s*\)", line) or re.search(r"\b(\w+)\s*\.\s*c?begin\s*\(", line)
        if walked and walked[1] in unordered:
            yield number, f"{walked[1]} is unordered: its order must not reach an effect, so it is looked up and never walked"


def check_code_style(path, text, code):
    lines = text.splitlines()
    if not lines or lines[0] != "// " + COPYRIGHT:
        yield 1, "the first line is the line of copyright"
    if path.suffix == ".hpp":
        if "#pragma once" not in lines:
            yield 1, "a header has #pragma once"
        if len(lines) > HEADER_LINES_MAX:
            yield len(lines), f"a header of more than {HEADER_LINES_MAX} lines holds more than one idea"
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield number, "indent with spaces: there is a tab"
        if len(line) > LINE_LENGTH_MAX:
            yield number, f"a line has at most {LINE_LENGTH_MAX} columns: this one has {len(line)}"
        if path.parts[0] == "include" and re.search(UNFINISHED, line):
            yield number, "a header is finished: no note of what is left to do"
    if path.parts[0] == "tests":
        for number, line in enumerate(code.splitlines(), 1):
            if re.search(SLEEPS, line):
                yield number, "a test does not sleep: it waits for a condition, with a bound"


def files_of(root, folders, suffixes):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and (suffixes is None or path.suffix in suffixes) and "__pycache__" not in path.parts:
                yield path


def check_tidy(root):
    """clang-tidy looks at one translation unit: every header is reached from it."""
    start = root / "tests/lint/tidy.cc"
    reached, waiting = set(), [start]
    while waiting:
        for name in re.findall(r"^#include <(drover/[^>]+)>", waiting.pop().read_text(encoding="utf-8"), re.MULTILINE):
            header = root / "include" / name
            if header not in reached and header.exists():
                reached.add(header)
                waiting.append(header)
    for header in files_of(root, ["include/drover"], {".hpp"}):
        if header not in reached:
            yield start.relative_to(root), 1, f"include {header.relative_to(root / 'include')}, which clang-tidy does not see"


def lint(root):
    """Yields (path, line, sentence) for each breach in the tree below `root`."""
    for path in files_of(root, CODE_FOLDERS, {".hpp", ".cpp", ".cc", ".h"}):
        relative = path.relative_to(root)
        text = path.read_text(encoding="utf-8")
        code = without_comments_and_strings(text)
        breaches = list(check_code_style(relative, text, code))
        if relative.parts[:2] == ("include", "drover"):
            header = relative.relative_to("include/drover")
            breaches += [*check_layers(header, code), *check_seams(header, code), *check_names(header, code),
                         *check_purity(header, code)]
        yield from ((relative, *breach) for breach in breaches)
    yield from check_tidy(root)
    texts = [*files_of(root, TEXT_FOLDERS, None), *sorted(path for path in root.glob("*") if path.is_file() and path.name != ".git")]
    for path in texts:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # not text
        for number, line in enumerate(lines, 1):
            if re.search(MACHINE_PATHS, line):
                yield path.relative_to(root), number, "a path of one machine has no place in the project"


# --- The self-test --------------------------------------------------------------------------------------------------

HEAD = f"// {COPYRIGHT}\n#pragma once\n"

# File (below the root), its text, the line of the breach, and part of the sentence; line 0 where there is none.
PLANTED = [
    *((f"include/drover/{room}/planted_{number}.hpp", HEAD + line + "\n", 3, sentence) for number, (room, line, sentence) in enumerate([
        ("base", "#include <drover/wire/reader.hpp>", "base must not include drover/wire/reader.hpp"),
        ("base", "#include <xxhash.h>", "base must not include <xxhash.h>"),
        ("base", "#include <unistd.h>", "base must not include <unistd.h>"),
        ("wire", "#include <drover/policy/view.hpp>", "wire must not include"),
        ("policy", "#include <drover/store/delta.hpp>", "policy must not include"),
        ("link", "#include <drover/core/core.hpp>", "link must not include"),
        ("membership", "#include <drover/placement/ring.hpp>", "membership must not include"),
        ("placement", "#include <drover/store/delta.hpp>", "placement must not include"),
        ("store", "#include <drover/link/link_table.hpp>", "store must not include"),
        ("supervision", "#include <drover/child/spec.hpp>", "supervision must not include"),
        ("ownership", "#include <drover/membership/swim.hpp>", "ownership must not include"),
        ("registry", "#include <drover/core/core.hpp>", "registry must not include"),
        ("core", "#include <drover/node.hpp>", "core must not include"),
        ("child", "#include <drover/core/core.hpp>", "child must not include"),
        ("child", "#include <drover/node.hpp>", "child must not include"),
        ("child", "#include <boost/asio/io_context.hpp>", "child must not include <boost/asio/io_context.hpp>"),
        ("child", "#include <boost/asio/associated_executor.hpp>", "child must not include <boost/asio/associated_executor.hpp>"),
        ("child", "#include <drover/completion.hpp>", "child must not include drover/completion.hpp"),
        ("simulation", "#include <drover/net/tcp.hpp>", "simulation must not include"),
        ("simulation", "#include <boost/beast.hpp>", "simulation must not include <boost/beast.hpp>"),
        ("coroutine", "#include <drover/simulation/world.hpp>", "coroutine must not include"),
        ("process", "#include <drover/net/runtime.hpp>", "process must not include"),
        ("process", "#include <boost/process.hpp>", "process must not include <boost/process.hpp>"),
        ("json", "#include <boost/json/parse.hpp>", "Boost.JSON is named in json/document.hpp alone"),
        ("json", "using value = boost::json::value;", "Boost.JSON is named in json/document.hpp alone"),
        ("json", "#include <drover/core/records.hpp>", "json must not include"),
        ("child", "#include <drover/json/child_list.hpp>", "child must not include"),
        ("net", "#include <unistd.h>", "net must not include <unistd.h>"),
        ("net", "#include <drover/simulation/world.hpp>", "net must not include"),
        ("net", "#include <boost/json.hpp>", "net must not include <boost/json.hpp>"),
        ("net", '#include "tcp.hpp"', "not in quotes"),
        ("conformance", "#include <drover/net/tcp.hpp>", "conformance must not include"),
        ("conformance", "#include <boost/asio.hpp>", "conformance must not include <boost/asio.hpp>"),
        ("simulation", "#include <drover/conformance/report.hpp>", "simulation must not include"),
        ("core", "auto t = std::chrono::steady_clock::now();", "no clock"),
        ("core", "std::thread worker;", "no threads"),
        ("core", "#include <thread>", "no threads"),
        ("core", "#include <mutex>", "no threads"),
        ("core", "std::random_device device;", "no random source"),
        ("core", "int drawn = rand();", "no random source"),
        ("core", "#include <random>", "distributions of the standard library"),
        ("core", "std::uniform_int_distribution<int> die;", "distributions of the standard library"),
        ("core", "inline void mix(auto& all, auto& engine) { std::shuffle(all.begin(), all.end(), engine); }",
         "distributions of the standard library"),
        ("core", "auto h = std::hash<int>{}(1);", "std::hash differs"),
        ("core", "float ratio;", "no floating point"),
        ("core", "double ratio;", "no floating point"),
        ("core", "using boost::asio::post;", "nothing of Boost"),
        ("core", "auto hash = XXH3_64bits(nullptr, 0);", "xxHash is named in base/hash.hpp alone"),
        ("store", "int code = SQLITE_OK;", "SQLite is named in sqlite/ alone"),
        ("core", "#define DROVER_PLANTED 1", "a header defines no macro"),
        ("core", "using namespace std;", "a header has no using directive"),
        ("core", "inline int planted = 1;", "nothing outside of namespace drover"),
        ("core", "namespace planted { int a; }", "nothing outside of namespace drover"),
        ("core", "template <class T> struct planted { T a; };", "nothing outside of namespace drover"),
        ("core", 'auto e = std::getenv("HOME");', "does not read the environment"),
        ("core", "a" * (LINE_LENGTH_MAX + 1), f"at most {LINE_LENGTH_MAX} columns"),
        ("core", "\tint a;", "there is a tab"),
        ("core", "// TODO: more", "a header is finished"),
        ("core", "// FIXME: more", "a header is finished"),
        ("core", "// XXX more", "a header is finished"),
        ("core", "// see /wo" "rk/notes", "a path of one machine"),
    ])),
    ("include/drover/node.hpp", HEAD + "#include <boost/asio/ip/tcp.hpp>\n", 3, "shells must not include <boost/asio/ip/tcp.hpp>"),
    ("include/drover/completion.hpp", HEAD + "#include <boost/asio/io_context.hpp>\n", 3, "handlers must not include <boost/asio"),
    ("include/drover/distributed_supervisor.hpp", HEAD + "#include <drover/completion.hpp>\n", 3, "shells must not include"),
    ("include/drover/error_code.hpp", HEAD + "#include <boost/asio/error.hpp>\n", 3, "error_code must not include <boost/asio"),
    ("include/drover/node_options.hpp", HEAD + "#include <drover/core/options.hpp>\n", 3, "node_options must not include"),
    ("include/drover/supervisor_shell.hpp", HEAD + "#include <drover/link/backoff.hpp>\n", 3, "shells must not include drover/link"),
    ("include/drover/net.hpp", HEAD + "#include <boost/asio.hpp>\n", 3, "umbrellas must not include <boost/asio.hpp>"),
    ("include/drover/local_supervisor.hpp", HEAD + "#include <drover/net/tcp.hpp>\n", 3, "shells must not include drover/net"),
    ("include/drover/elsewhere/any.hpp", HEAD, 1, "nothing is said in the layers about elsewhere"),
    ("include/drover/stray.hpp", HEAD, 1, "nothing is said in the layers about stray.hpp"),
    ("include/drover/core/walked.hpp",
     HEAD + "std::unordered_map<int, unique_function<void()>> seats_;\ninline void f() {\n    for (auto const& [a, b] : seats_)\n}\n",
     5, "seats_ is unordered"),
    ("include/drover/core/begun.hpp", HEAD + "std::unordered_set<int> seats_;\nauto first = seats_.begin();\n", 4, "seats_ is unordered"),
    ("include/drover/core/no_copyright.hpp", "#pragma once\n", 1, "the line of copyright"),
    ("include/drover/core/no_pragma.hpp", f"// {COPYRIGHT}\n", 1, "has #pragma once"),
    ("include/drover/core/long.hpp", HEAD + "\n" * HEADER_LINES_MAX, HEADER_LINES_MAX + 2, "more than one idea"),
    ("tests/unit/sleeps.cpp", f"// {COPYRIGHT}\nvoid f() {{ std::this_thread::sleep_for(1s); }}\n", 2, "does not sleep"),
    ("docs/planted.md", "# Page\n\n`/ho" "me/somebody/drover`\n", 3, "a path of one machine"),
    ("tests/lint/tidy.cc", f"// {COPYRIGHT}\n#include <drover/drover.hpp>\n", 1, "include drover/net.hpp, which clang-tidy"),
    # What must not be reported.
    ("include/drover/core/innocent.hpp",
     HEAD + "#include <chrono>\n#include <unordered_map>\n#include <drover/store/delta.hpp>\n"
     "namespace drover {\n// Not a steady_clock, nor a double, nor std::hash.\n/* random_device\n   float */\n"
     'inline constexpr char const* sentence = "boost a double, use std::thread // or rand()";\n'
     "inline constexpr int big = 1'000'000; // float\n"
     "std::unordered_map<int, int> seats_;\nstd::map<int, int> rows_;\n"
     "inline void f() {\n    for (auto const& row : rows_)\n        seats_.find(row.first);\n}\n} // namespace drover\n"
     "template <>\nstruct std::is_error_code_enum<drover::errc> : std::true_type {\n};\n", 0, ""),
]


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for folder in ["include", "tests"]:
            shutil.copytree(ROOT / folder, root / folder)
        for path, text, _, _ in PLANTED:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        found = [(path.as_posix(), line, sentence) for path, line, sentence in lint(root)]
    for path, _, line, sentence in PLANTED:
        reported = [(at, said) for where, at, said in found if where == path]
        if line == 0 and reported:
            failures.append(f"{path}: reported without cause: {reported}")
        elif line != 0 and not any(at == line and sentence in said for at, said in reported):
            failures.append(f"{path}:{line}: '{sentence}' was not reported, but: {reported}")
    print("\n".join(failures) if failures else f"{len(PLANTED)} planted files, each judged as it should be")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if arguments:
        print(__doc__)
        return 2
    breaches = [f"{path}:{line}: {sentence}" for path, line, sentence in lint(ROOT)]
    print("\n".join(breaches) if breaches else "no breach")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
