# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Install rules. Nothing that is installed names an absolute path, so the prefix may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/drover")
set(pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(DIRECTORY include/drover DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(TARGETS drover EXPORT drover_targets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS drover_net EXPORT drover_targets)
install(EXPORT drover_targets NAMESPACE drover:: FILE drover_targets.cmake DESTINATION "${package_dir}")

configure_package_config_file(cmake/drover-config.cmake.in drover-config.cmake
    INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may break: 0.1.4 satisfies who asks for 0.1, and nobody who asks for 0.2.
write_basic_package_version_file(drover-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/drover-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/drover-config-version.cmake"
    cmake/Findxxhash.cmake
    DESTINATION "${package_dir}")

# From the folder of the .pc files to the prefix, and from there to the headers.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${pkgconfig_dir}" OUTPUT_VARIABLE pc_prefix)
cmake_path(APPEND pc_include "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
foreach(file IN ITEMS drover.pc drover-net.pc drover-json.pc drover-sqlite.pc)
    configure_file(cmake/${file}.in ${file} @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${file}" DESTINATION "${pkgconfig_dir}")
endforeach()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
