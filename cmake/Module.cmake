# loco_module(NAME SOURCES … [TESTS …] [LINK …])
#
# One static library a folder of src/. Tests are neighbours (x_test.cc) and become one program a module,
# NAME_test, so that a change rebuilds and links one small program. The allowed edges between modules are
# in src/LAYERS and are checked over the #include lines by tests/layers_test.cc.
add_library(loco_settings INTERFACE)
target_include_directories(loco_settings INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_compile_options(loco_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -fno-omit-frame-pointer -pthread)
# Messages name src/x.cc, wherever this was built.
target_compile_options(loco_settings INTERFACE -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
# Designated initialisers leave the other members to their defaults; that is what they are for.
target_compile_options(loco_settings INTERFACE -Wno-missing-field-initializers)
# g++ 12 reports overlapping copies inside std::string's own insert and operator+ (GCC bug 105651); later ones do not.
target_compile_options(loco_settings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(LOCO_WERROR)
  target_compile_options(loco_settings INTERFACE -Werror)
endif()
if(LOCO_SANITIZE)
  target_compile_options(loco_settings INTERFACE -fsanitize=${LOCO_SANITIZE} -fno-sanitize-recover=all -g)
  target_link_options(loco_settings INTERFACE -fsanitize=${LOCO_SANITIZE})
endif()
if(LOCO_FUZZ)
  # Coverage feedback for libFuzzer in every module; the fuzz programs add the driver.
  target_compile_options(loco_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What makes a build from nothing much faster: the files of a module compiled a few at a time, and the headers that most
# tests include compiled once. Not in the preset dev, so that every file stands on its own #includes there and a change
# compiles one file.
option(LOCO_TOGETHER "Compile files together and common headers once" OFF)
set(LOCO_COMMON_HEADERS <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <random> <regex>
  <set> <span> <sstream> <string> <string_view> <thread> <unordered_map> <variant> <vector> <fmt/format.h>
  <nlohmann/json.hpp>)
function(loco_use_precompiled target)
  if(LOCO_TOGETHER)
    target_precompile_headers(${target} REUSE_FROM loco_precompiled)
  endif()
endfunction()
if(LOCO_TOGETHER AND LOCO_TESTS)
  add_library(loco_precompiled OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
  target_link_libraries(loco_precompiled PRIVATE loco_settings loco_json fmt::fmt)
  target_precompile_headers(loco_precompiled PRIVATE ${LOCO_COMMON_HEADERS})
endif()

if(LOCO_TESTS)
  add_library(loco_test_main OBJECT ${CMAKE_SOURCE_DIR}/tests/test_main.cc)
  target_link_libraries(loco_test_main PRIVATE loco_settings doctest::doctest)
endif()

function(loco_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;TESTS;LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(loco_${name} STATIC ${arg_SOURCES})
    target_link_libraries(loco_${name} PUBLIC loco_settings ${arg_LINK})
  else()
    add_library(loco_${name} INTERFACE)
    target_link_libraries(loco_${name} INTERFACE loco_settings ${arg_LINK})
  endif()
  if(arg_SOURCES AND LOCO_TOGETHER AND NOT name STREQUAL net)  # net's files have names and options of their own
    set_target_properties(loco_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  if(LOCO_TESTS AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS} $<TARGET_OBJECTS:loco_test_main>)
    loco_use_precompiled(${name}_test)
    target_link_libraries(${name}_test PRIVATE loco_${name} doctest::doctest rapidcheck)
    target_compile_definitions(${name}_test PRIVATE LOCO_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    # Built more often than run; what they test is optimized.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Release>:-O1>)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
