# base/version.cc is written at build time (not at configure time), so that a build always names the commit it was
# made from. The file is touched only when its content changes.
set(version_in ${CMAKE_SOURCE_DIR}/cmake/version.cc.in)
set(version_out ${CMAKE_BINARY_DIR}/generated/base/version.cc)
string(SUBSTRING "${LOCO_ENGINE_commit}" 0 7 engine_commit)
add_custom_target(loco_revision
  COMMAND ${CMAKE_COMMAND} -DIN=${version_in} -DOUT=${version_out} -DSOURCE=${CMAKE_SOURCE_DIR}
    -DVERSION=${PROJECT_VERSION} "-DBUILD=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, ${CMAKE_BUILD_TYPE}"
    "-DENGINE=llama.cpp ${LOCO_ENGINE_version} (${engine_commit}, ${LOCO_ENGINE_flavour})"
    -P ${CMAKE_SOURCE_DIR}/cmake/WriteVersion.cmake
  BYPRODUCTS ${version_out} VERBATIM)
