# The three kinds of target that folders declare: a library, its tests, a fuzz target.

# parley_library(NAME SOURCES file... DEPENDS target...)
# Declares the static library parley_NAME from sources listed one by one; without sources, a library of headers.
# DEPENDS names folders of src/ (base, kernels, ...) or any CMake target.
function(parley_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  parley_targets(depends ${arg_DEPENDS})
  if(arg_SOURCES)
    add_library(parley_${name} STATIC ${arg_SOURCES})
    target_link_libraries(parley_${name} PRIVATE parley_core_flags PUBLIC ${depends})
    target_include_directories(parley_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    # What libFuzzer is guided by: in the parsers, also the values that input is compared with, which elsewhere costs too much.
    if(PARLEY_FUZZ AND name STREQUAL "formats")
      target_compile_options(parley_${name} PRIVATE -fsanitize=fuzzer-no-link)
    elseif(PARLEY_FUZZ AND name MATCHES "^(base|tokenizer|model|sampling|engine)$")
      target_compile_options(parley_${name} PRIVATE -fsanitize-coverage=inline-8bit-counters,pc-table)
    endif()
  else()
    add_library(parley_${name} INTERFACE)
    target_link_libraries(parley_${name} INTERFACE ${depends})
    target_include_directories(parley_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
  endif()
endfunction()

# parley_tests_headers(): declares what every test file includes, compiled once. Catch2 and base/result.h both define CHECK:
# read first, Catch2's stands in tests, whatever the order of includes.
function(parley_tests_headers)
  file(WRITE ${CMAKE_BINARY_DIR}/tests_headers.cc "")
  add_library(parley_tests_headers OBJECT ${CMAKE_BINARY_DIR}/tests_headers.cc)
  target_link_libraries(parley_tests_headers PRIVATE parley_flags Catch2::Catch2 nlohmann_json::nlohmann_json)
  target_compile_definitions(parley_tests_headers PRIVATE PARLEY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(NOT EMSCRIPTEN)
    target_compile_options(parley_tests_headers PRIVATE -O0)
  endif()
  target_precompile_headers(parley_tests_headers PRIVATE
    <catch2/catch_test_macros.hpp> <algorithm> <functional> <memory> <nlohmann/json.hpp> <string> <vector>)
endfunction()

# parley_tests(FOLDER SOURCES file... DEPENDS target...)
# Declares the Catch2 program tests_FOLDER and registers its tests with ctest: one for each TEST_CASE natively, one for
# the whole program under Node, where starting costs more than running. Test files find golden data under
# PARLEY_SOURCE_DIR.
function(parley_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  parley_targets(depends ${arg_DEPENDS})
  set(program tests_${folder})
  add_executable(${program} ${arg_SOURCES})
  target_link_libraries(${program} PRIVATE parley_flags ${depends} Catch2::Catch2WithMain)
  target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${program} PRIVATE PARLEY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_precompile_headers(${program} REUSE_FROM parley_tests_headers)
  # What takes time natively is compiling a test, not running it.
  if(NOT EMSCRIPTEN)
    target_compile_options(${program} PRIVATE -O0)
  endif()
  if(EMSCRIPTEN)
    parley_link_for_node(${program})
    target_link_options(${program} PRIVATE -fwasm-exceptions)
    add_test(NAME ${program} COMMAND ${program} --order rand --rng-seed time --colour-mode none)
    set_tests_properties(${program} PROPERTIES TIMEOUT 600)
  else()
    catch_discover_tests(${program} TEST_PREFIX "${folder}: " DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# parley_fuzzer(NAME SOURCES file... DEPENDS target... CORPUS directory)
# Declares fuzz_NAME around one LLVMFuzzerTestOneInput. Its test replays the files of CORPUS; with PARLEY_FUZZ it then goes
# on looking for PARLEY_FUZZ_SECONDS, keeping what it finds under the build directory.
function(parley_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;DEPENDS")
  parley_targets(depends ${arg_DEPENDS})
  get_filename_component(corpus ${arg_CORPUS} ABSOLUTE)
  set(program fuzz_${name})
  add_executable(${program} ${arg_SOURCES})
  target_link_libraries(${program} PRIVATE parley_core_flags ${depends})
  target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${program} PRIVATE PARLEY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(PARLEY_FUZZ)
    set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
    file(MAKE_DIRECTORY ${found}/corpus ${found}/crashes)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${program} COMMAND ${program} -max_total_time=${PARLEY_FUZZ_SECONDS} -timeout=1 -rss_limit_mb=256
      -print_final_stats=1 -verbosity=1 -artifact_prefix=${found}/crashes/ ${found}/corpus ${corpus})
    math(EXPR timeout "${PARLEY_FUZZ_SECONDS} + 120")
    # A small quarantine, so that the cap on memory is the target's and not the sanitizer's.
    set_tests_properties(${program} PROPERTIES TIMEOUT ${timeout}
      ENVIRONMENT ASAN_OPTIONS=quarantine_size_mb=8:allocator_may_return_null=1)
    return()
  endif()
  target_sources(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay.cc)
  target_compile_options(${program} PRIVATE -O0)
  if(EMSCRIPTEN)
    parley_link_for_node(${program})
  endif()
  add_test(NAME ${program} COMMAND ${program} ${corpus})
  set_tests_properties(${program} PROPERTIES TIMEOUT 300)
endfunction()

# Sets OUT to the targets of the given folders of src/; other names stay as they are.
function(parley_targets out)
  set(targets "")
  foreach(name IN LISTS ARGN)
    if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/src/${name})
      list(APPEND targets parley_${name})
    else()
      list(APPEND targets ${name})
    endif()
  endforeach()
  set(${out} ${targets} PARENT_SCOPE)
endfunction()

# A program for Node: it reads the real file system and may use as much memory as wasm32 has. Linked without Binaryen's
# passes, which take ten times as long as the rest of linking; the module that is shipped, and tested as such, has them.
function(parley_link_for_node program)
  target_link_options(${program} PRIVATE -O1
    -sENVIRONMENT=node,worker -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB -sSTACK_SIZE=8MB
    -sEXIT_RUNTIME=1 -Wno-pthreads-mem-growth)
  if(PARLEY_THREADS)
    # Threads are made before main() runs, which then may block in Node.
    target_link_options(${program} PRIVATE -sPTHREAD_POOL_SIZE=8 -sDEFAULT_PTHREAD_STACK_SIZE=1MB)
  endif()
endfunction()
