# Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#
# What Drover changes in the build of a project that uses it: nothing but what is stated here. A project calls inspect_begin()
# before Drover is brought in, and inspect_end(INCLUDE_FOLDER NET_LINKS_TO) after it, with what the targets are expected to say.

set(inspected_variables "^(BUILD_.*|CMAKE_(BUILD_TYPE|EXPORT_COMPILE_COMMANDS|MODULE_PATH|PREFIX_PATH|POSITION_INDEPENDENT_CODE\
|INTERPROCEDURAL_OPTIMIZATION|.*_FLAGS|CXX_(STANDARD|STANDARD_REQUIRED|EXTENSIONS|CLANG_TIDY|COMPILER_LAUNCHER|VISIBILITY_PRESET)))$")

# Variables of ours that may enter the cache, and those of what we need.
set(expected_cache "^(DROVER_(BUILD_(TESTS|EXAMPLES|BENCHMARKS)|INSTALL|JSON|SQLITE)|(drover|consumer)_(BINARY_DIR|SOURCE_DIR|DIR|IS_TOP_LEVEL)\
|drover_.*|Boost_.*|boost_headers.*|xxHash_DIR|xxhash_.*|PC_xxhash_.*|PKG_CONFIG_.*|pkgcfg_lib_.*|__pkg_config.*\
|prefix_result|FIND_PACKAGE_MESSAGE_DETAILS_.*|FETCHCONTENT_.*|_?CMAKE_.*)$")

# Variables that would change how the consumer itself is built, as one text; an empty one is as good as none.
function(inspect_variables result)
    get_cmake_property(names VARIABLES)
    list(FILTER names INCLUDE REGEX "${inspected_variables}")
    set(text)
    foreach(name IN LISTS names)
        if(NOT "${${name}}" STREQUAL "")
            string(APPEND text "${name}=${${name}}\n")
        endif()
    endforeach()
    set(${result} "${text}" PARENT_SCOPE)
endfunction()

macro(inspect_begin)
    inspect_variables(inspected_before)
endmacro()

# inspect_target(TARGET PROPERTY=VALUE...): these are all INTERFACE_ properties that the target has.
function(inspect_target target)
    execute_process(COMMAND "${CMAKE_COMMAND}" --help-property-list OUTPUT_VARIABLE properties COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCHALL "INTERFACE_[A-Z_]+" properties "${properties}")
    list(REMOVE_DUPLICATES properties)
    set(found)
    foreach(property IN LISTS properties)
        get_target_property(value ${target} ${property})
        if(value)
            string(REPLACE ";" " " value "${value}")
            list(APPEND found "${property}=${value}")
        endif()
    endforeach()
    list(SORT found)
    set(expected ${ARGN})
    list(SORT expected)
    if(NOT found STREQUAL expected)
        message(FATAL_ERROR "${target} gives its users\n  ${found}\nand should give\n  ${expected}")
    endif()
endfunction()

function(inspect_folder folder)
    foreach(property IN ITEMS TESTS COMPILE_OPTIONS COMPILE_DEFINITIONS INCLUDE_DIRECTORIES LINK_OPTIONS)
        get_property(value DIRECTORY "${folder}" PROPERTY ${property})
        if(value)
            message(FATAL_ERROR "${folder} has ${property} ${value}: a consumer must not notice")
        endif()
    endforeach()
    get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
    list(REMOVE_ITEM targets consumer drover drover_net)
    if(targets)
        message(FATAL_ERROR "${folder} makes the targets ${targets}, which a consumer did not ask for")
    endif()
    get_property(folders DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
    foreach(below IN LISTS folders)
        inspect_folder("${below}")
    endforeach()
endfunction()

function(inspect_end include_folder net_links_to)
    inspect_variables(after)
    if(NOT after STREQUAL inspected_before)
        message(FATAL_ERROR "a variable of the consumer has changed. Before:\n${inspected_before}\nAfter:\n${after}")
    endif()
    get_cmake_property(names CACHE_VARIABLES)
    list(FILTER names EXCLUDE REGEX "${expected_cache}")
    list(REMOVE_ITEM names DROVER_SOURCE_DIR) # run.cmake says so
    if(names)
        message(FATAL_ERROR "not stated, and in the consumer's cache: ${names}")
    endif()
    inspect_target(drover::drover
        "INTERFACE_COMPILE_FEATURES=cxx_std_20"
        "INTERFACE_INCLUDE_DIRECTORIES=${include_folder}"
        "INTERFACE_LINK_LIBRARIES=Boost::headers xxHash::xxhash")
    inspect_target(drover::net "INTERFACE_LINK_LIBRARIES=${net_links_to} Threads::Threads")
    inspect_folder("${CMAKE_SOURCE_DIR}")
endfunction()
