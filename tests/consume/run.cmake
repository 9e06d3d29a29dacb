# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Configures, builds and runs one of the projects beside this file, in a folder of its own, and looks at what it got from us.
# In: CONSUMER, DROVER_SOURCE_DIR, DROVER_BINARY_DIR, DROVER_VERSION, WORK_DIR, GENERATOR, MAKE_PROGRAM, CXX_COMPILER.

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# expect_equal(WHAT FOUND EXPECTED): two lists.
function(expect_equal what found expected)
    if(NOT found STREQUAL expected)
        list(JOIN found "\n  " found)
        list(JOIN expected "\n  " expected)
        message(FATAL_ERROR "${what} is\n  ${found}\nand should be\n  ${expected}")
    endif()
endfunction()

# Installs Drover, and moves it: nothing may remember where it was.
function(install_and_move)
    run("${CMAKE_COMMAND}" --install "${DROVER_BINARY_DIR}" --prefix "${WORK_DIR}/installed")
    file(RENAME "${WORK_DIR}/installed" "${moved}")
endfunction()

# The installed tree holds what is stated here, and no path of this machine.
function(check_installed)
    file(GLOB_RECURSE headers RELATIVE "${DROVER_SOURCE_DIR}" "${DROVER_SOURCE_DIR}/include/drover/*.hpp")
    set(expected ${headers}
        share/cmake/drover/Findxxhash.cmake
        share/cmake/drover/drover-config-version.cmake
        share/cmake/drover/drover-config.cmake
        share/cmake/drover/drover_targets.cmake
        share/doc/drover/LICENSE
        share/pkgconfig/drover-json.pc
        share/pkgconfig/drover-net.pc
        share/pkgconfig/drover-sqlite.pc
        share/pkgconfig/drover.pc)
    file(GLOB_RECURSE found RELATIVE "${moved}" "${moved}/*")
    list(SORT expected)
    list(SORT found)
    expect_equal("the installed tree" "${found}" "${expected}")
    foreach(file IN LISTS found)
        file(STRINGS "${moved}/${file}" lines)
        foreach(absolute IN ITEMS "${DROVER_SOURCE_DIR}" "${DROVER_BINARY_DIR}" "${WORK_DIR}" "/usr/include" "/usr/lib")
            string(FIND "${lines}" "${absolute}" at)
            if(NOT at EQUAL -1)
                message(FATAL_ERROR "the installed ${file} names ${absolute}")
            endif()
        endforeach()
    endforeach()
endfunction()

# The compiler is called for one file, with the flags that are expected and no other.
function(check_compile_command expected)
    file(READ "${WORK_DIR}/build/compile_commands.json" commands)
    string(JSON count LENGTH "${commands}")
    if(NOT count EQUAL 1)
        message(FATAL_ERROR "a consumer of one file compiles ${count} files: ours must not be among them")
    endif()
    string(JSON command GET "${commands}" 0 command)
    string(REGEX REPLACE " -o .*$" "" flags "${command}")
    separate_arguments(flags UNIX_COMMAND "${flags}")
    list(POP_FRONT flags) # the compiler
    list(FILTER flags EXCLUDE REGEX "^-std=(gnu|c)\\+\\+20$")
    expect_equal("the consumer's compiler flags" "${flags}" "${expected}")
endfunction()

# There is nothing for a consumer's ctest to run.
function(check_no_tests)
    execute_process(COMMAND "${CMAKE_CTEST_COMMAND}" -N WORKING_DIRECTORY "${WORK_DIR}/build"
        OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(NOT said MATCHES "Total Tests: 0|No test configuration file found")
        message(FATAL_ERROR "a consumer's ctest lists tests of ours:\n${said}")
    endif()
endfunction()

# ask(SENTENCE WORDS [ARGUMENT...]): find_package(drover WORDS) in a project that is configured with these arguments says the
# sentence, a regular expression. CMake breaks its lines where it likes: any white space is taken for one blank.
function(ask sentence words)
    file(REMOVE_RECURSE "${WORK_DIR}/build")
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/find" -B "${WORK_DIR}/build" -G "${GENERATOR}"
            "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" "-DCMAKE_PREFIX_PATH=${moved}" "-DASK=${words}" ${ARGN}
        OUTPUT_VARIABLE said ERROR_VARIABLE said)
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    if(NOT said MATCHES "${sentence}")
        message(FATAL_ERROR "find_package(drover ${words}) should say '${sentence}', and says:\n${said}")
    endif()
endfunction()

function(check_answers)
    ask("found: 1, ${DROVER_VERSION}, net: \n?" "CONFIG")
    ask("found: 1, ${DROVER_VERSION}, net: TRUE" "0.1;CONFIG;REQUIRED;COMPONENTS;net")
    ask("found: 1, ${DROVER_VERSION}, net: TRUE" "CONFIG;REQUIRED;COMPONENTS;net;OPTIONAL_COMPONENTS;pigeon")
    ask("found: 1, ${DROVER_VERSION}, net: TRUE, sqlite: , drover::json is drover::drover;Boost::json" "CONFIG;REQUIRED;COMPONENTS;net;json")
    ask("found: 1, ${DROVER_VERSION}, net: TRUE, sqlite: TRUE, drover::sqlite" "CONFIG;REQUIRED;COMPONENTS;net;sqlite")
    ask("found: 1, ${DROVER_VERSION}, net: TRUE, sqlite: FALSE" "CONFIG;REQUIRED;COMPONENTS;net;OPTIONAL_COMPONENTS;sqlite"
        -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON)
    ask("Drover's component 'sqlite' needs SQLite 3.37, which was not found" "CONFIG;REQUIRED;COMPONENTS;sqlite"
        -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON)
    ask("Drover has no component 'pigeon': there are 'net', 'json' and 'sqlite'" "CONFIG;REQUIRED;COMPONENTS;pigeon")
    ask("found: 0" "CONFIG;COMPONENTS;pigeon")
    ask("compatible with requested version \"0.2\"" "0.2;CONFIG;REQUIRED")
    ask("compatible with requested version \"1.0\"" "1.0;CONFIG;REQUIRED")
    ask("compatible with requested version \"0.0.9\"" "0.0.9;CONFIG;REQUIRED")
    ask("Drover needs xxHash, its header xxhash.h and its library, which were not found" "CONFIG;REQUIRED"
        -DCMAKE_DISABLE_FIND_PACKAGE_xxhash=ON)
    # A Boost that is too old.
    file(WRITE "${WORK_DIR}/old/BoostConfig.cmake" "message(FATAL_ERROR taken)\n")
    file(WRITE "${WORK_DIR}/old/BoostConfigVersion.cmake" "set(PACKAGE_VERSION 1.74.0)\nset(PACKAGE_VERSION_COMPATIBLE FALSE)\n")
    ask("Boost.*compatible with requested version \"1.81\"" "CONFIG;REQUIRED"
        "-DBoost_DIR=${WORK_DIR}/old" "-DCMAKE_MAKE_PROGRAM=${MAKE_PROGRAM}" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF)
endfunction()

# The overlay port, with stand-ins for vcpkg's own functions: it configures and installs this tree, and moves what vcpkg wants
# elsewhere. Configured anew, as vcpkg does, without anything of our build.
function(check_vcpkg_port)
    set(CURRENT_PACKAGES_DIR "${WORK_DIR}/packages")
    macro(vcpkg_cmake_configure)
        cmake_parse_arguments(arg "" "SOURCE_PATH" "OPTIONS" ${ARGN})
        run("${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${WORK_DIR}/port" -G "${GENERATOR}"
            "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" "-DCMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR}"
            ${arg_OPTIONS})
    endmacro()
    macro(vcpkg_cmake_install)
        run("${CMAKE_COMMAND}" --build "${WORK_DIR}/port" --target install)
    endmacro()
    macro(vcpkg_cmake_config_fixup)
        cmake_parse_arguments(arg "" "CONFIG_PATH" "" ${ARGN})
        file(RENAME "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/drover")
    endmacro()
    macro(vcpkg_fixup_pkgconfig)
    endmacro()
    macro(vcpkg_install_copyright)
        cmake_parse_arguments(arg "" "" "FILE_LIST" ${ARGN})
        file(COPY_FILE "${arg_FILE_LIST}" "${CURRENT_PACKAGES_DIR}/share/drover/copyright")
    endmacro()
    include("${DROVER_SOURCE_DIR}/ports/drover/portfile.cmake")

    file(GLOB_RECURSE found RELATIVE "${CURRENT_PACKAGES_DIR}/share" "${CURRENT_PACKAGES_DIR}/share/*")
    list(SORT found)
    expect_equal("what the port leaves in share" "${found}" "drover/Findxxhash.cmake;drover/copyright;\
drover/drover-config-version.cmake;drover/drover-config.cmake;drover/drover_targets.cmake;\
pkgconfig/drover-json.pc;pkgconfig/drover-net.pc;\
pkgconfig/drover-sqlite.pc;pkgconfig/drover.pc")
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
set(moved "${WORK_DIR}/moved")

if(CONSUMER STREQUAL "find")
    install_and_move()
    check_installed()
    check_answers()
    check_vcpkg_port()
    return()
endif()

set(arguments "-DDROVER_SOURCE_DIR=${DROVER_SOURCE_DIR}")
if(CONSUMER STREQUAL "package")
    install_and_move()
    set(arguments "-DCMAKE_PREFIX_PATH=${moved}")
    set(expected_flags -isystem "${moved}/include")
elseif(CONSUMER STREQUAL "pkg_config")
    install_and_move()
    set(ENV{PKG_CONFIG_PATH} "${moved}/share/pkgconfig")
    set(arguments)
    set(expected_flags -isystem "${moved}/share/pkgconfig/../../include" -pthread)
elseif(CONSUMER STREQUAL "single_header")
    set(expected_flags "-I${DROVER_SOURCE_DIR}/single_include")
elseif(CONSUMER STREQUAL "add_subdirectory")
    set(expected_flags "-I${DROVER_SOURCE_DIR}/include" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
else()
    set(expected_flags "-I${DROVER_SOURCE_DIR}/include")
endif()

# Without a build type, as debug information would cost a third of the time.
run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CONSUMER}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ${arguments})
check_compile_command("${expected_flags}")
check_no_tests()
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")
