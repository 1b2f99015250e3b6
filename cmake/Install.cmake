# cmake --install and cpack: a loco that runs without the checkout.
#
#   bin/loco
#   lib/locollm/             the engine's shared libraries and CPU variants (portable engine only; tools/package)
#   share/locollm/           policies, tasks, catalog, pocket models
#   share/doc/locollm/       README, licence, docs, and third-party/: the notices of everything inside
#   share/man, share/bash-completion, share/zsh
#
# Two components: `loco` is that; `bundle` is the Debian libraries that loco links, for the tarball alone (the .deb
# depends on the packages instead).
if(NOT TARGET loco)
  return()
endif()
include(GNUInstallDirs)
set(data share/locollm)
set(notices ${CMAKE_BINARY_DIR}/third-party)

foreach(folder policies tasks catalog models recipes)
  if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/${folder})
    install(DIRECTORY ${folder} DESTINATION ${data} COMPONENT loco PATTERN "*.part" EXCLUDE PATTERN __pycache__ EXCLUDE)
  endif()
endforeach()
foreach(file README.md ARCHITECTURE.md CHANGELOG.md LICENSE)
  if(EXISTS ${CMAKE_SOURCE_DIR}/${file})
    install(FILES ${file} DESTINATION share/doc/locollm COMPONENT loco)
  endif()
endforeach()
if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/docs)
  install(DIRECTORY docs/ DESTINATION share/doc/locollm/docs COMPONENT loco)
endif()

# Whose work is inside, and where its notice lies. The engine's own notices come with its prefix. Header-only and linked
# Debian libraries by the package that holds the notice; tools/package fails when a bundled library has none.
set(header_packages libcli11-dev libtomlplusplus-dev libboost1.74-dev libfmt-dev)
set(library_packages libfmt9 libre2-9 libsqlite3-0 libssl3 libicu72 libcld2-0 libtomlplusplus3 libgomp1
  libstdc++6 libgcc-s1
  # libcurl and what it links in Debian's build
  libcurl4 zlib1g libbrotli1 libcom-err2 libffi8 libgmp10 libgnutls30 libgssapi-krb5-2 libhogweed6 libidn2-0 libk5crypto3
  libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 libnettle8 libnghttp2-14 libp11-kit0 libpsl5 librtmp1 libsasl2-2
  libssh2-1 libtasn1-6 libunistring2 libzstd1)
file(REMOVE_RECURSE ${notices})
file(GLOB engine_notices ${LOCO_ENGINE}/licences/*)
file(COPY ${engine_notices} DESTINATION ${notices})
foreach(package ${header_packages} ${library_packages})
  if(EXISTS /usr/share/doc/${package}/copyright)
    configure_file(/usr/share/doc/${package}/copyright ${notices}/${package}.txt COPYONLY)
  elseif(LOCO_ENGINE_flavour STREQUAL portable)
    message(FATAL_ERROR "The package needs the licence notice of ${package}. Cure: install ${package}, or change its name in "
      "cmake/Install.cmake when Debian's version of it has moved on")
  endif()
endforeach()
install(DIRECTORY ${notices} DESTINATION share/doc/locollm COMPONENT loco)

if(LOCO_ENGINE_flavour STREQUAL portable)
  file(GLOB engine_libraries ${LOCO_ENGINE}/lib/*.so ${LOCO_ENGINE}/lib/*.so.*)
  install(PROGRAMS ${engine_libraries} DESTINATION lib/locollm COMPONENT loco)
  # A package names no folder of the machine that built it; the program looks for share/locollm beside itself first.
  set_target_properties(loco PROPERTIES COMPILE_DEFINITIONS "LOCO_SOURCE_DIR=\"/usr/share/locollm\"")
  # RPATH, not RUNPATH: the libraries of the bundle look for each other through it too.
  set_target_properties(loco PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/locollm")
  target_link_options(loco PRIVATE -Wl,--disable-new-dtags)
  install(TARGETS loco RUNTIME_DEPENDENCY_SET libraries DESTINATION bin COMPONENT loco)
  # The CPU variants are opened at run time, so that nothing links them; one of them stands for what they all need.
  file(GLOB cpu_variants ${LOCO_ENGINE}/lib/libggml-cpu-*.so)
  list(GET cpu_variants 0 cpu_variant)
  add_library(loco_cpu_variant SHARED IMPORTED)
  set_target_properties(loco_cpu_variant PROPERTIES IMPORTED_LOCATION ${cpu_variant})
  install(IMPORTED_RUNTIME_ARTIFACTS loco_cpu_variant RUNTIME_DEPENDENCY_SET libraries LIBRARY DESTINATION lib/locollm
    COMPONENT loco)
  # Everything but the C library and the loader, which must be the machine's own.
  install(RUNTIME_DEPENDENCY_SET libraries DESTINATION lib/locollm COMPONENT bundle DIRECTORIES ${LOCO_ENGINE}/lib
    PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|dl|rt|pthread|resolv)\\.so" "^lib(ggml|llama)")
else()
  install(TARGETS loco DESTINATION bin COMPONENT loco)
endif()

# The program writes its own man page and completions, so that they never differ from its --help.
set(generated ${CMAKE_BINARY_DIR}/generated-docs)
install(CODE "
  set(program ${CMAKE_BINARY_DIR}/bin/loco)
  file(MAKE_DIRECTORY ${generated})
  foreach(file loco.1 loco.bash _loco)
    if(file STREQUAL loco.1)
      set(arguments manual)
    elseif(file STREQUAL loco.bash)
      set(arguments completion bash)
    else()
      set(arguments completion zsh)
    endif()
    # The names of the catalog's models are among the completions; the program is not installed yet, so it is told where
    # its data lie.
    execute_process(COMMAND ${CMAKE_COMMAND} -E env LOCO_DATA=${CMAKE_SOURCE_DIR} \${program} \${arguments} OUTPUT_FILE ${generated}/\${file} RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR \"'loco \${arguments}' failed, so \${file} is missing\")
    endif()
  endforeach()" COMPONENT loco)
install(FILES ${generated}/loco.1 DESTINATION share/man/man1 COMPONENT loco)
install(FILES ${generated}/loco.bash DESTINATION share/bash-completion/completions RENAME loco COMPONENT loco)
install(FILES ${generated}/_loco DESTINATION share/zsh/vendor-completions COMPONENT loco)

set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_NAME locollm)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGE_CONTACT "LocoLLM developers")
set(CPACK_PACKAGE_FILE_NAME locollm-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${LOCO_ENGINE}/lib)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/Package.cmake)
include(CPack)
