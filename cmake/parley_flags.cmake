# Compiler flags that every target of Parley shares; what a single kernel file needs more is set where it is listed.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Flags for all code, third-party included: they change the meaning of floating point, memory or threads.
# -ffp-contract=off: a*b+c must round twice on every machine, or builds would disagree in the last bit.
add_compile_options(-ffp-contract=off)
# No build may depend on where it was made.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
if(PARLEY_SANITIZERS)
  add_compile_options(-fsanitize=${PARLEY_SANITIZERS} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PARLEY_SANITIZERS})
  if(PARLEY_SANITIZERS MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr)  # needs RTTI, which the core is built without
  endif()
endif()
if(EMSCRIPTEN)
  # Node takes the nearest package.json for the kind of a .js file; one above the repository must not matter.
  file(WRITE ${CMAKE_BINARY_DIR}/package.json "{}\n")
  add_compile_options(-msimd128)
  if(PARLEY_WASM_SIMD STREQUAL "relaxed")
    add_compile_options(-mrelaxed-simd)
  elseif(NOT PARLEY_WASM_SIMD STREQUAL "simd128")
    message(FATAL_ERROR "PARLEY_WASM_SIMD is '${PARLEY_WASM_SIMD}'; it must be simd128 or relaxed")
  endif()
  if(PARLEY_THREADS)
    add_compile_options(-pthread)
    add_link_options(-pthread)
  endif()
elseif(PARLEY_THREADS)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
  link_libraries(Threads::Threads)
endif()

# Flags for Parley's own code. Errors are values: the core neither throws nor asks for types at run time.
add_library(parley_flags INTERFACE)
target_include_directories(parley_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(parley_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wfloat-conversion
  -Wno-missing-field-initializers  # designated initializers leave members to their defaults
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # GCC 12 sees overlaps in string's operator+ (GCC bug 105651)
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>  # std::stable_sort of GCC 12 calls what C++17 deprecates
  $<$<BOOL:${PARLEY_WERROR}>:-Werror>)
target_compile_definitions(parley_flags INTERFACE
  PARLEY_VERSION="${PARLEY_VERSION}"
  $<$<BOOL:${PARLEY_FORCE_SCALAR}>:PARLEY_FORCE_SCALAR=1>
  $<$<BOOL:${PARLEY_THREADS}>:PARLEY_THREADS=1>)

add_library(parley_core_flags INTERFACE)
target_link_libraries(parley_core_flags INTERFACE parley_flags)
target_compile_options(parley_core_flags INTERFACE -fno-exceptions -fno-rtti)
