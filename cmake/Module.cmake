# loco_module(NAME SOURCES … [TESTS …] [LINK …])
#
# One static library a folder of src/. Tests are neighbours (x_test.cc) and become one program a module,
# NAME_test, so that a change rebuilds and links one small program. The allowed edges between modules are
# in src/LAYERS and are checked over the #include lines by tests/layers_test.cc.
add_library(loco_settings INTERFACE)
target_include_directories(loco_settings INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/generated)
target_compile_options(loco_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -fno-omit-frame-pointer)
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

function(loco_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;TESTS;LINK" ${ARGN})
  if(arg_SOURCES)
    add_library(loco_${name} STATIC ${arg_SOURCES})
    target_link_libraries(loco_${name} PUBLIC loco_settings ${arg_LINK})
  else()
    add_library(loco_${name} INTERFACE)
    target_link_libraries(loco_${name} INTERFACE loco_settings ${arg_LINK})
  endif()
  if(LOCO_TESTS AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS} ${CMAKE_SOURCE_DIR}/tests/test_main.cc)
    target_link_libraries(${name}_test PRIVATE loco_${name} doctest::doctest rapidcheck)
    target_compile_definitions(${name}_test PRIVATE LOCO_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
