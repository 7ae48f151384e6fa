# Finds Eigen, nlohmann_json and Catch2: the system's where there are any, else a pinned download.
include(FetchContent)
set(FETCHCONTENT_QUIET ON)

# A cross build must not see the system's other headers, so a header directory is linked into the build tree alone.
function(parley_import_headers target name directory)
  set(private ${CMAKE_BINARY_DIR}/include/${target})
  file(MAKE_DIRECTORY ${private})
  file(CREATE_LINK ${directory}/${name} ${private}/${name} SYMBOLIC)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE ${private})
endfunction()

if(EMSCRIPTEN)
  find_path(PARLEY_EIGEN_DIR Eigen/Core PATHS /usr/include/eigen3 /usr/local/include/eigen3
    /opt/homebrew/include/eigen3 NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
  find_path(PARLEY_JSON_DIR nlohmann/json.hpp PATHS /usr/include /usr/local/include
    /opt/homebrew/include NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
  if(PARLEY_EIGEN_DIR)
    parley_import_headers(Eigen3::Eigen Eigen ${PARLEY_EIGEN_DIR})
  endif()
  if(PARLEY_JSON_DIR)
    parley_import_headers(nlohmann_json::nlohmann_json nlohmann ${PARLEY_JSON_DIR})
  endif()
else()
  find_package(Eigen3 3.4 QUIET NO_MODULE)
  find_package(nlohmann_json 3.11 QUIET)
endif()

if(NOT TARGET Eigen3::Eigen)
  FetchContent_Declare(eigen
    URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.bz2
    URL_HASH SHA256=b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626
    SOURCE_SUBDIR none)  # headers only: its own build system is left out
  FetchContent_MakeAvailable(eigen)
  parley_import_headers(Eigen3::Eigen Eigen ${eigen_SOURCE_DIR})
endif()
if(NOT TARGET nlohmann_json::nlohmann_json)
  FetchContent_Declare(json
    URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
    URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d
    SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(json)
  parley_import_headers(nlohmann_json::nlohmann_json nlohmann ${json_SOURCE_DIR}/include)
endif()

if(PARLEY_TESTS)
  if(DEFINED ENV{PARLEY_CATCH2_SOURCE} AND NOT DEFINED FETCHCONTENT_SOURCE_DIR_CATCH2)
    set(FETCHCONTENT_SOURCE_DIR_CATCH2 $ENV{PARLEY_CATCH2_SOURCE} CACHE PATH "Catch2's sources")
  endif()
  FetchContent_Declare(catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz
    URL_HASH SHA256=c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c)
  FetchContent_GetProperties(catch2)
  if(NOT catch2_POPULATED)
    FetchContent_Populate(catch2)
    add_subdirectory(${catch2_SOURCE_DIR} ${catch2_BINARY_DIR} EXCLUDE_FROM_ALL)
  endif()
  # A hundred small files that include the same headers: as few large ones they compile in a third of the time.
  set_target_properties(Catch2 PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 60)
  target_compile_options(Catch2 PRIVATE -O0 -g0 -w)
  if(PARLEY_SANITIZERS)
    target_compile_options(Catch2 PRIVATE -fno-sanitize=all)  # what is tested is Parley
  endif()
  if(EMSCRIPTEN)
    target_compile_options(Catch2 PUBLIC -fwasm-exceptions)
    target_compile_options(Catch2WithMain PRIVATE -fwasm-exceptions)
  endif()
  include(${catch2_SOURCE_DIR}/extras/Catch.cmake)
endif()
