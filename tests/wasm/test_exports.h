// What the test build of the module can do besides c_api.h: go wrong on purpose, and the work of
// tests/exactness. None of it is in the release build, which tests/wasm/exports_test.mjs proves.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void parley_test_trap(void);           // executes `unreachable`
void parley_test_out_of_bounds(void);  // reads beyond the memory
void parley_test_spin(void);           // never returns
void parley_test_abort(void);          // as a failed CHECK ends

// Loads the GGUF file at `bytes` and returns {"hash": "...", "ids": [[...]]} or {"error": "..."} as
// text that ends in a zero, valid until the next call. split: 0 whole, 1 odd pieces, 2 token by
// token.
const char* parley_test_exactness(const uint8_t* bytes, uint32_t size, uint32_t threads,
                                  int32_t split);

#ifdef __cplusplus
}
#endif
