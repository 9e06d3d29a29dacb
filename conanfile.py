# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
"""The recipe for Conan 2: `conan create .`, then `requires = "drover/0.1.0"`; CMakeDeps gives drover::drover and drover::net, and
with the option `with_sqlite` drover::sqlite."""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout

required_conan_version = ">=2.0"


class DroverRecipe(ConanFile):
    name = "drover"
    description = "A distributed supervisor: names work, runs it once in a cluster, restarts it, fails it over with its state"
    license = "BSL-1.0"
    topics = ("supervisor", "cluster", "failover", "distributed", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_sqlite": [True, False]}
    default_options = {"with_sqlite": False}
    exports = "CMakeLists.txt"
    exports_sources = "include/*.hpp", "LICENSE"
    no_copy_source = True

    def set_version(self):
        text = load(self, os.path.join(self.recipe_folder, "CMakeLists.txt"))
        self.version = re.search(r"project\(drover\s+VERSION ([\d.]+)", text)[1]

    def layout(self):
        basic_layout(self)

    def requirements(self):
        # Of Boost the headers only, of xxHash the library.
        self.requires("boost/[>=1.81 <2]")
        self.requires("xxhash/[>=0.8 <1]")
        if self.options.with_sqlite:
            self.requires("sqlite3/[>=3.37 <4]")

    def package_id(self):
        self.info.clear() # headers: one package for all settings

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("drover runs on Linux")
        check_min_cppstd(self, 20)

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "drover")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []

        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "drover::drover")
        core.set_property("pkg_config_name", "drover")
        core.requires = ["boost::headers", "xxhash::xxhash"]

        net = self.cpp_info.components["net"]
        net.set_property("cmake_target_name", "drover::net")
        net.set_property("pkg_config_name", "drover-net")
        net.requires = ["core"]
        net.system_libs = ["pthread"]

        if self.options.with_sqlite:
            sqlite = self.cpp_info.components["sqlite"]
            sqlite.set_property("cmake_target_name", "drover::sqlite")
            sqlite.set_property("pkg_config_name", "drover-sqlite")
            sqlite.requires = ["core", "sqlite3::sqlite3"]

        for component in self.cpp_info.components.values():
            component.bindirs = []
            component.libdirs = []
