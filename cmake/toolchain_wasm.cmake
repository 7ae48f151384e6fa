# Points CMake at Emscripten, wherever it is: PARLEY_EMSCRIPTEN (set by the toolchain's env.sh) or emcc on PATH.
if(DEFINED ENV{PARLEY_EMSCRIPTEN})
  set(emscripten $ENV{PARLEY_EMSCRIPTEN})
else()
  find_program(PARLEY_EM_CONFIG em-config NO_CMAKE_FIND_ROOT_PATH)
  if(NOT PARLEY_EM_CONFIG)
    message(FATAL_ERROR "Emscripten was not found: put emcc on PATH, or run scripts/setup.sh and source the "
      "env.sh that it names")
  endif()
  execute_process(COMMAND ${PARLEY_EM_CONFIG} EMSCRIPTEN_ROOT OUTPUT_VARIABLE emscripten
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
include(${emscripten}/cmake/Modules/Platform/Emscripten.cmake)

# The toolchain's Node comes first, wherever it is: scripts/install_node.sh says why it is 24, and the system's may be older.
find_program(PARLEY_NODE node HINTS $ENV{PARLEY_TOOLCHAIN}/node/bin $ENV{HOME}/.cache/parley/toolchain/node/bin
  NO_CMAKE_FIND_ROOT_PATH REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${PARLEY_NODE})
