# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Finds xxHash, which comes without a CMake package on many systems. Gives the target xxHash::xxhash.
# Installed beside Drover's package configuration, which uses it too.

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

if(xxhash_FOUND AND NOT TARGET xxHash::xxhash)
    add_library(xxHash::xxhash UNKNOWN IMPORTED)
    set_target_properties(xxHash::xxhash PROPERTIES
        IMPORTED_LOCATION "${xxhash_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${xxhash_INCLUDE_DIR}")
endif()
