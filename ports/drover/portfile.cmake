# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# An overlay port for vcpkg, which installs the tree that it stands in: vcpkg install drover --overlay-ports=drover/ports
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(VCPKG_BUILD_TYPE release) # headers only

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DDROVER_BUILD_TESTS=OFF
        -DDROVER_BUILD_EXAMPLES=OFF
        -DDROVER_BUILD_BENCHMARKS=OFF
        -DDROVER_INSTALL=ON
        -DDROVER_JSON=OFF
        -DDROVER_SQLITE=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/drover)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc" "${CURRENT_PACKAGES_DIR}/share/cmake")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
