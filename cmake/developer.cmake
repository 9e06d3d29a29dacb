# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# For Drover's own tests, examples and benchmarks only: warnings, a compiler cache. Never reaches a consumer.
set(CMAKE_CXX_EXTENSIONS OFF)
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

add_library(drover_developer INTERFACE)
target_link_libraries(drover_developer INTERFACE drover::net $<TARGET_NAME_IF_EXISTS:drover::json>)
target_compile_options(drover_developer INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    find_program(CCACHE_PROGRAM ccache)
    mark_as_advanced(CCACHE_PROGRAM)
    if(CCACHE_PROGRAM)
        # The sloppiness and the two flags are what ccache asks for where there is a precompiled header.
        set(CMAKE_CXX_COMPILER_LAUNCHER
            "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${CCACHE_PROGRAM}")
        target_compile_options(drover_developer INTERFACE
            "$<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>"
            "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
    endif()
endif()
