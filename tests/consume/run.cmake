# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# Configures, builds and runs one of the projects beside this file, in a folder of its own.
# In: CONSUMER, DROVER_SOURCE_DIR, DROVER_BINARY_DIR, WORK_DIR, GENERATOR, CXX_COMPILER.

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")

# Drover itself: installed and then moved, or its source tree.
if(CONSUMER STREQUAL "package" OR CONSUMER STREQUAL "pkg_config")
    run("${CMAKE_COMMAND}" --install "${DROVER_BINARY_DIR}" --prefix "${WORK_DIR}/installed")
    file(RENAME "${WORK_DIR}/installed" "${WORK_DIR}/moved")
    set(ENV{PKG_CONFIG_PATH} "${WORK_DIR}/moved/share/pkgconfig")
    set(where "-DCMAKE_PREFIX_PATH=${WORK_DIR}/moved")
else()
    set(where "-DDROVER_SOURCE_DIR=${DROVER_SOURCE_DIR}")
endif()

run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/${CONSUMER}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "${where}")

# One translation unit, compiled with no warning or code generation flag of ours.
file(READ "${WORK_DIR}/build/compile_commands.json" commands)
string(JSON count LENGTH "${commands}")
if(NOT count EQUAL 1)
    message(FATAL_ERROR "a consumer of one file compiles ${count} files: ours must not be among them")
endif()
string(JSON command GET "${commands}" 0 command)
if(command MATCHES " (-W[^ ]*|-f[^ ]*|-O[^ ]*|-D[^ ]*)")
    message(FATAL_ERROR "a consumer's compiler is called with our flag ${CMAKE_MATCH_1}: ${command}")
endif()
if(CONSUMER STREQUAL "package" OR CONSUMER STREQUAL "pkg_config" OR CONSUMER STREQUAL "single_header")
    if(command MATCHES "${DROVER_SOURCE_DIR}/include")
        message(FATAL_ERROR "this consumer must not see the source tree's headers: ${command}")
    endif()
endif()

run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build")
run("${WORK_DIR}/build/consumer")
