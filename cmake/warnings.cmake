# One library per folder. caisson_library(NAME SOURCES... LINK libs...) applies the warnings, which are
# errors, and makes the project's root the include path, so that an include names the folder it comes from.
function(caisson_target name)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:
    -Wall -Wextra -Wpedantic $<$<NOT:$<BOOL:${CAISSON_FUZZ}>>:-Werror> -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
    -Wno-missing-field-initializers>)
  # The fuzzers are built with another compiler, whose warnings are others.
  if(CAISSON_SANITIZE)
    target_compile_options(${name} PUBLIC -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${name} PUBLIC -fsanitize=address,undefined)
  endif()
endfunction()

function(caisson_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  caisson_target(${name})
endfunction()

function(caisson_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  caisson_target(${name})
endfunction()

# A unit test's ctest name is the path of its file: tests/unit/vpc/apply/vpcs_test.cc is unit.vpc.apply.vpcs.
function(caisson_test file)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LINK;LABELS" ${ARGN})
  file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  string(REGEX REPLACE "_test\\.cc$" "" path ${path})
  string(REPLACE "/" "." name ${path})
  string(REGEX MATCH "^[a-z0-9]+" layer ${name})
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest GTest::gtest_main)
  caisson_target(${name})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${layer};${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
