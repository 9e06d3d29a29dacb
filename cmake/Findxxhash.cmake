# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Finds xxHash. Gives the target xxHash::xxhash. Installed beside Drover's package configuration, which uses it too.
#
# Package managers (vcpkg, Conan) and xxHash's own build bring a CMake package, xxHash, with that target; it knows best. Many
# distributions ship the header and the library only, which are looked for by hand then.

if(NOT TARGET xxHash::xxhash)
    find_package(xxHash CONFIG QUIET)
endif()
if(TARGET xxHash::xxhash)
    set(xxhash_FOUND TRUE)
    return()
endif()

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_xxhash QUIET libxxhash)
endif()

find_path(xxhash_INCLUDE_DIR xxhash.h HINTS ${PC_xxhash_INCLUDE_DIRS})
find_library(xxhash_LIBRARY xxhash HINTS ${PC_xxhash_LIBRARY_DIRS})
mark_as_advanced(xxhash_INCLUDE_DIR xxhash_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(xxhash
    REQUIRED_VARS xxhash_LIBRARY xxhash_INCLUDE_DIR
    VERSION_VAR PC_xxhash_VERSION)

if(xxhash_FOUND)
    add_library(xxHash::xxhash UNKNOWN IMPORTED)
    set_target_properties(xxHash::xxhash PROPERTIES
        IMPORTED_LOCATION "${xxhash_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${xxhash_INCLUDE_DIR}")
endif()
