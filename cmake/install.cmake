# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Install rules. Nothing that is installed names an absolute path, so the prefix may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/drover")

install(DIRECTORY include/drover DESTINATION include FILES_MATCHING PATTERN "*.hpp")
install(TARGETS drover drover_net EXPORT drover_targets)
install(EXPORT drover_targets NAMESPACE drover:: FILE drover_targets.cmake DESTINATION "${package_dir}")

configure_package_config_file(cmake/drover-config.cmake.in drover-config.cmake
    INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(drover-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/drover-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/drover-config-version.cmake"
    cmake/Findxxhash.cmake
    DESTINATION "${package_dir}")

configure_file(cmake/drover.pc.in drover.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/drover.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
