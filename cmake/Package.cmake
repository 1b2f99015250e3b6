# Read by cpack once a generator: which components go into which package (see Install.cmake).
list(GET CPACK_INSTALL_CMAKE_PROJECTS 0 build)
set(CPACK_INSTALL_CMAKE_PROJECTS "${build};locollm;loco;/")
if(CPACK_GENERATOR STREQUAL TGZ)
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${build};locollm;bundle;/")
else()
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
endif()
