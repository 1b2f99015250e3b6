# Run by the target loco_revision; see Version.cmake.
set(REVISION unknown)
find_program(git git)
if(git)
  execute_process(COMMAND ${git} -C ${SOURCE} describe --always --dirty --abbrev=10 --match=
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(REVISION ${described})
  endif()
endif()
configure_file(${IN} ${OUT} @ONLY)
