#!/usr/bin/env python3
# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""manifests.py [--self-test]: what vcpkg.json, ports/drover, conanfile.py, CMakeLists.txt and CHANGELOG.md say of Drover is the
same: its name, version, licence, and what it needs.

Neither vcpkg nor Conan is asked. vcpkg.json is held to the rules of the documentation of vcpkg (fields, names, versions);
conanfile.py runs against the stand-in of Conan below, which records what the recipe declares, and refuses what Conan 2 has not.
Prints a sentence for each thing that is wrong. --self-test plants a mistake of each kind.
"""
import json
import pathlib
import re
import shutil
import sys
import tempfile
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ["CMakeLists.txt", "CHANGELOG.md", "LICENSE", "vcpkg.json", "conanfile.py", "ports/drover/vcpkg.json",
         "ports/drover/portfile.cmake"]

# What Drover needs: by the name in CMake, in vcpkg (all of them) and in Conan (package, component).
NEEDED = {
    "Boost::headers": (["boost-asio", "boost-headers", "boost-system"], "boost", "boost::headers"),
    "xxHash::xxhash": (["xxhash"], "xxhash", "xxhash::xxhash"),
}
VCPKG_TOOLS = ["vcpkg-cmake", "vcpkg-cmake-config"]

# The fields that vcpkg.json may have (learn.microsoft.com/vcpkg/reference/vcpkg-json), and those of one dependency.
VCPKG_FIELDS = {"builtin-baseline", "default-features", "dependencies", "description", "documentation", "features", "homepage",
                "license", "maintainers", "name", "overrides", "port-version", "supports", "version", "version-semver",
                "version-date", "version-string", "vcpkg-configuration", "summary"}
VCPKG_DEPENDENCY_FIELDS = {"default-features", "features", "host", "name", "platform", "version>="}
VCPKG_NAME = r"[a-z0-9]+(-[a-z0-9]+)*"


# --- A stand-in for Conan 2 -----------------------------------------------------------------------------------------

class Refused(Exception):
    """Stands for ConanInvalidConfiguration."""


class Folder:
    """What a recipe may say of one component, or of the package: cpp_info."""

    def __init__(self):
        self.__dict__.update(properties={}, requires=[], system_libs=[], libs=[], defines=[], cxxflags=[], bindirs=["bin"],
                             libdirs=["lib"], includedirs=["include"])

    def __setattr__(self, name, value):
        if name not in self.__dict__:
            raise AttributeError(f"cpp_info has no {name}")
        self.__dict__[name] = value

    def set_property(self, name, value):
        if name not in ("cmake_file_name", "cmake_target_name", "pkg_config_name"):
            raise AttributeError(f"cpp_info has no property {name} that is known here")
        self.properties[name] = value


class Components(dict):
    def __missing__(self, name):
        self[name] = Folder()
        return self[name]


def conan_modules(copied):
    """The modules that a recipe may import. What `copy` is asked for is appended to `copied`."""

    class ConanFile:
        name = version = license = description = package_type = None
        settings = topics = exports = exports_sources = ()
        options = default_options = types.MappingProxyType({})

        def __init__(self, folder, system, standard, **options):
            self.recipe_folder = self.source_folder = str(folder)
            self.package_folder = str(folder / "package")
            self.settings = types.SimpleNamespace(os=system, cppstd=standard)
            self.options = types.SimpleNamespace(**{**self.default_options, **options})
            self.required = []
            self.cpp_info = Folder()
            self.cpp_info.__dict__["components"] = Components()
            self.info = types.SimpleNamespace(cleared=False)
            self.info.clear = lambda: setattr(self.info, "cleared", True)

        def requires(self, reference):
            self.required.append(reference)

    def check_min_cppstd(recipe, least):
        if recipe.settings.cppstd < least:
            raise Refused(f"C++{least} is needed")

    def copy(recipe, pattern, source, target):
        copied.append((pattern, source, target))

    def module(name, **names):
        made = types.ModuleType(name)
        made.__dict__.update(names)
        return name, made

    return dict([
        module("conan", ConanFile=ConanFile),
        module("conan.errors", ConanInvalidConfiguration=Refused),
        module("conan.tools"),
        module("conan.tools.build", check_min_cppstd=check_min_cppstd),
        module("conan.tools.files", copy=copy, load=lambda recipe, path: pathlib.Path(path).read_text(encoding="utf-8")),
        module("conan.tools.layout", basic_layout=lambda recipe: None),
    ]), ConanFile


def load_recipe(root, copied):
    modules, base = conan_modules(copied)
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        names = {"__name__": "conanfile"}
        exec(compile((root / "conanfile.py").read_text(encoding="utf-8"), "conanfile.py", "exec"), names)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return next(value for value in names.values() if isinstance(value, type) and issubclass(value, base) and value is not base), names


# --- The checks -----------------------------------------------------------------------------------------------------

def cmake_facts(root):
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    linked = re.search(r"target_link_libraries\(drover INTERFACE ([^)]+)\)", text)[1].split()
    return {
        "version": re.search(r"project\(drover\s+VERSION ([\d.]+)", text)[1],
        "description": re.search(r'DESCRIPTION "([^"]+)"', text)[1],
        "linked": linked,
        "boost": re.search(r"find_package\(Boost ([\d.]+)", text)[1],
        "sqlite": re.search(r"find_package\(SQLite3 ([\d.]+)", text)[1],
        "options": re.findall(r"^option\((\w+)", text, re.MULTILINE),
    }


def check_vcpkg(root, facts):
    text = (root / "vcpkg.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    for field in sorted(set(manifest) - VCPKG_FIELDS):
        yield f"vcpkg.json: there is no field '{field}'"
    if not re.fullmatch(VCPKG_NAME, manifest.get("name", "")) or manifest["name"] != "drover":
        yield "vcpkg.json: the name is drover"
    versions = [field for field in manifest if field.startswith("version")]
    if versions != ["version-semver"]:
        yield f"vcpkg.json: it has exactly one version, version-semver: {versions}"
    elif manifest["version-semver"] != facts["version"]:
        yield f"vcpkg.json: the version is {manifest['version-semver']}, and CMake's is {facts['version']}"
    if manifest.get("license") != "BSL-1.0":
        yield "vcpkg.json: the licence is BSL-1.0"
    if manifest.get("description") != facts["description"]:
        yield "vcpkg.json: the description is not CMake's"
    named = []
    for dependency in manifest.get("dependencies", []):
        if isinstance(dependency, str):
            dependency = {"name": dependency}
        named.append(dependency.get("name", ""))
        for field in sorted(set(dependency) - VCPKG_DEPENDENCY_FIELDS):
            yield f"vcpkg.json: a dependency has no field '{field}'"
        if not re.fullmatch(VCPKG_NAME, named[-1]):
            yield f"vcpkg.json: '{named[-1]}' is no name of a port"
        if "version>=" in dependency and "builtin-baseline" not in manifest:
            yield f"vcpkg.json: '{named[-1]}' has a least version, which needs a builtin-baseline"
        if (named[-1] in VCPKG_TOOLS) != dependency.get("host", False):
            yield f"vcpkg.json: of the dependencies the tools, and they only, are the host's: {named[-1]}"
    expected = sorted([name for target in facts["linked"] for name in NEEDED[target][0]] + VCPKG_TOOLS)
    if sorted(named) != expected:
        yield f"vcpkg.json: it needs {sorted(named)}, and CMake {expected}"
    if (root / "ports/drover/vcpkg.json").read_text(encoding="utf-8") != text:
        yield "ports/drover/vcpkg.json is not vcpkg.json"
    feature = manifest.get("features", {}).get("sqlite", {})
    if feature.get("dependencies") != ["sqlite3"]:
        yield f"vcpkg.json: the feature sqlite needs sqlite3: {feature}"
    port = (root / "ports/drover/portfile.cmake").read_text(encoding="utf-8")
    for option in facts["options"]:
        if f"-D{option}={'ON' if option == 'DROVER_INSTALL' else 'OFF'}" not in port:
            yield f"ports/drover/portfile.cmake does not set the option {option}"


def check_conan(root, facts):
    copied = []
    recipe_class, names = load_recipe(root, copied)
    if not names.get("required_conan_version", "").startswith(">=2"):
        yield "conanfile.py: it is for Conan 2"
    recipe = recipe_class(root, "Linux", 20)
    recipe.set_version()
    for said, expected, what in [
            (recipe.name, "drover", "name"), (recipe.version, facts["version"], "version"),
            (recipe.license, "BSL-1.0", "licence"), (recipe.description, facts["description"], "description"),
            (recipe.package_type, "header-library", "package type")]:
        if said != expected:
            yield f"conanfile.py: the {what} is {said}, and should be {expected}"
    if not all(setting in recipe_class.settings for setting in ("os", "compiler")):
        yield "conanfile.py: the settings name os and compiler, which validate() looks at"

    recipe.package_id()
    if not recipe.info.cleared:
        yield "conanfile.py: headers are one package for all settings"
    recipe.validate()
    for system, standard in [("Windows", 20), ("Linux", 17)]:
        try:
            recipe_class(root, system, standard).validate()
            yield f"conanfile.py: {system} with C++{standard} is not refused"
        except Refused:
            pass

    recipe.layout()
    recipe.requirements()
    packages = {reference.split("/")[0]: reference.split("/")[1] for reference in recipe.required}
    if sorted(packages) != sorted(NEEDED[target][1] for target in facts["linked"]):
        yield f"conanfile.py: it requires {sorted(packages)}, and CMake {facts['linked']}"
    elif f">={facts['boost']}" not in packages["boost"]:
        yield f"conanfile.py: Boost is {packages['boost']}, and CMake wants {facts['boost']}"

    recipe.package_info()
    info = recipe.cpp_info
    if info.properties.get("cmake_file_name") != "drover":
        yield "conanfile.py: find_package knows it as drover"
    targets = {component.properties.get("cmake_target_name"): component for component in info.components.values()}
    if set(targets) != {"drover::drover", "drover::net"}:
        yield f"conanfile.py: the targets are {sorted(map(str, targets))}"
        return
    core, net = targets["drover::drover"], targets["drover::net"]
    if sorted(core.requires) != sorted(NEEDED[target][2] for target in facts["linked"]):
        yield f"conanfile.py: drover::drover requires {core.requires}, and CMake links {facts['linked']}"
    if [info.components[name] for name in net.requires] != [core] or net.system_libs != ["pthread"]:
        yield "conanfile.py: drover::net is drover::drover with threads"
    for name, component in targets.items():
        if component.libs or component.libdirs or component.bindirs or component.defines or component.cxxflags:
            yield f"conanfile.py: {name} is headers only, without flags: {component.__dict__}"

    with_sqlite = recipe_class(root, "Linux", 20, with_sqlite=True)
    with_sqlite.requirements()
    with_sqlite.package_info()
    if set(with_sqlite.required) - set(recipe.required) != {f"sqlite3/[>={facts['sqlite']} <4]"}:
        yield f"conanfile.py: with_sqlite requires {with_sqlite.required}, and CMake wants SQLite {facts['sqlite']}"
    sqlite = with_sqlite.cpp_info.components.get("sqlite", Folder())
    if sqlite.properties.get("cmake_target_name") != "drover::sqlite" or sqlite.requires != ["core", "sqlite3::sqlite3"]:
        yield f"conanfile.py: drover::sqlite is drover::drover with SQLite: {sqlite.__dict__}"

    recipe.package()
    wanted = {("*.hpp", str(root / "include"), str(root / "package" / "include")),
              ("LICENSE", str(root), str(root / "package" / "licenses"))}
    if set(copied) != wanted:
        yield f"conanfile.py: it packages {copied}"
    exported = set(recipe_class.exports_sources)
    if exported != {"include/*.hpp", "LICENSE"} or "CMakeLists.txt" not in recipe_class.exports:
        yield f"conanfile.py: it exports {sorted(exported)}, and packages something else"


def check_changelog(root, facts):
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[([\d.]+)\]", text, re.MULTILINE)
    if not versions or versions[0] != facts["version"]:
        yield f"CHANGELOG.md: its newest version is {versions[:1]}, and CMake's {facts['version']}"


def check(root):
    facts = cmake_facts(root)
    for target in facts["linked"]:
        if target not in NEEDED:
            return [f"CMakeLists.txt links {target}: say in tests/manifest/manifests.py what it is called elsewhere"]
    wrong = []
    for part in (check_vcpkg, check_conan, check_changelog):
        try:
            wrong += part(root, facts)
        except Exception as error:
            wrong.append(f"{part.__name__}: {type(error).__name__}: {error}")
    return wrong


# --- The self-test --------------------------------------------------------------------------------------------------

# File, what is replaced, by what, and part of the sentence.
PLANTED = [
    ("CMakeLists.txt", "VERSION 0.1.0", "VERSION 0.1.1", "vcpkg.json: the version is"),
    ("CMakeLists.txt", "VERSION 0.1.0", "VERSION 0.1.1", "CHANGELOG.md: its newest version"),
    ("CMakeLists.txt", "Boost::headers xxHash::xxhash", "Boost::headers xxHash::xxhash SQLite::SQLite3", "say in tests/manifest"),
    ("CMakeLists.txt", "find_package(Boost 1.81", "find_package(Boost 1.83", "CMake wants 1.83"),
    ("CMakeLists.txt", "option(DROVER_INSTALL", "option(DROVER_MODULES \"\" ON)\noption(DROVER_INSTALL", "the option DROVER_MODULES"),
    ("vcpkg.json", '"xxhash"', '"xxHash"', "no name of a port"),
    ("vcpkg.json", '    "boost-asio",\n', "", "and CMake ["),
    ("vcpkg.json", '"license"', '"licence"', "no field 'licence'"),
    ("vcpkg.json", '"version-semver"', '"version"', "exactly one version"),
    ("vcpkg.json", '"boost-asio",', '{"name": "boost-asio", "version>=": "1.81.0"},', "needs a builtin-baseline"),
    ("vcpkg.json", '      "host": true\n', '      "host": false\n', "are the host's"),
    ("vcpkg.json", "linux", "osx", "ports/drover/vcpkg.json is not"),
    ("vcpkg.json", '"xxhash"\n', '"xxhash",\n', "JSONDecodeError"),
    ("conanfile.py", '"drover::net"', '"drover::sockets"', "the targets are"),
    ("conanfile.py", '"drover::sqlite"', '"drover::disk"', "drover::sqlite is drover::drover with SQLite"),
    ("conanfile.py", "sqlite3/[>=3.37", "sqlite3/[>=3.30", "CMake wants SQLite 3.37"),
    ("vcpkg.json", '"sqlite3"', '"sqlite"', "the feature sqlite needs sqlite3"),
    ("conanfile.py", 'net.requires = ["core"]', "net.requires = []", "drover::net is drover::drover"),
    ("conanfile.py", "self.info.clear()", "pass", "one package for all settings"),
    ("conanfile.py", "check_min_cppstd(self, 20)", "pass", "Linux with C++17 is not refused"),
    ("conanfile.py", '!= "Linux"', '== "Macos"', "Windows with C++20 is not refused"),
    ("conanfile.py", "xxhash/[", "xxHash/[", "it requires"),
    ("conanfile.py", "boost/[>=1.81", "boost/[>=1.74", "CMake wants 1.81"),
    ("conanfile.py", '["boost::headers", "xxhash::xxhash"]', '["boost::headers"]', "drover::drover requires"),
    ("conanfile.py", '("cmake_file_name", "drover")', '("cmake_file_name", "Drover")', "knows it as drover"),
    ("conanfile.py", "component.libdirs = []", 'component.defines = ["A"]', "headers only"),
    ("conanfile.py", "from conan import ConanFile", "from conans import ConanFile", "ModuleNotFoundError"),
    ("conanfile.py", '"header-library"', '"static-library"', "package type"),
    ("conanfile.py", '"include/*.hpp", "LICENSE"', '"include/*.hpp",', "it exports"),
]


def self_test():
    failures = []
    for file, old, new, sentence in PLANTED:
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for copied in FILES:
                (root / copied).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / copied, root / copied)
            text = (root / file).read_text(encoding="utf-8")
            if old not in text:
                failures.append(f"{file} has no '{old}' to replace")
                continue
            (root / file).write_text(text.replace(old, new), encoding="utf-8")
            wrong = check(root)
        if not any(sentence in said for said in wrong):
            failures.append(f"{file}, '{old}' -> '{new}': '{sentence}' was not said, but {wrong}")
    print("\n".join(failures) or f"{len(PLANTED)} planted mistakes, each noticed")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    wrong = check(ROOT)
    print("\n".join(wrong) or "the manifests agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
