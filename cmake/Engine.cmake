# Imported target loco_engine_library: the pinned llama.cpp, built once into a cache by tools/setup/build-llama.
# -DLOCO_ENGINE=PREFIX takes a ready prefix; -DLOCO_LLAMA_CPP_DIR=DIR builds another source tree.
if(NOT LOCO_ENGINE)
  set(flavour native)
  if(LOCO_SANITIZE MATCHES thread)
    set(flavour tsan)
  endif()
  message(STATUS "Engine: tools/setup/build-llama ${flavour} (minutes the first time)")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env LOCO_LLAMA_CPP_DIR=${LOCO_LLAMA_CPP_DIR}
      ${CMAKE_SOURCE_DIR}/tools/setup/build-llama ${flavour}
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(LOCO_ENGINE ${prefix} CACHE PATH "Prefix made by tools/setup/build-llama" FORCE)
endif()
if(NOT EXISTS ${LOCO_ENGINE}/build.txt)
  message(FATAL_ERROR "${LOCO_ENGINE} is not an engine prefix. Cure: delete ${CMAKE_BINARY_DIR}/CMakeCache.txt and "
    "configure again, or run tools/setup/build-llama and pass what it prints as -DLOCO_ENGINE=")
endif()
file(STRINGS ${LOCO_ENGINE}/build.txt engine_build)
foreach(line ${engine_build})
  if(line MATCHES "^([a-z]+) (.*)$")
    set(LOCO_ENGINE_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
  endif()
endforeach()

add_library(loco_engine_library INTERFACE)
target_include_directories(loco_engine_library SYSTEM INTERFACE
  ${LOCO_ENGINE}/include ${LOCO_ENGINE}/include/common ${LOCO_ENGINE}/include/vendor)
if(LOCO_ENGINE_flavour STREQUAL portable)
  target_link_libraries(loco_engine_library INTERFACE
    ${LOCO_ENGINE}/lib/libllama-template.a ${LOCO_ENGINE}/lib/libllama.so ${LOCO_ENGINE}/lib/libggml.so
    ${LOCO_ENGINE}/lib/libggml-base.so)
  target_compile_definitions(loco_engine_library INTERFACE LOCO_ENGINE_PORTABLE)
else()
  target_link_libraries(loco_engine_library INTERFACE
    ${LOCO_ENGINE}/lib/libllama-template.a ${LOCO_ENGINE}/lib/libllama.a ${LOCO_ENGINE}/lib/libggml.a
    ${LOCO_ENGINE}/lib/libggml-cpu.a ${LOCO_ENGINE}/lib/libggml-base.a)
  if(NOT LOCO_ENGINE_flavour STREQUAL tsan)
    target_link_libraries(loco_engine_library INTERFACE gomp)
  endif()
endif()
target_link_libraries(loco_engine_library INTERFACE pthread dl m)

# nlohmann/json comes with the engine; modules that parse JSON link this instead of the engine itself.
add_library(loco_json INTERFACE)
target_include_directories(loco_json SYSTEM INTERFACE ${LOCO_ENGINE}/include/vendor)
