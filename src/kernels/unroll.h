// Two hints that GCC and Clang spell differently: unroll the loop that follows completely, or not
// at all.
#pragma once

#if defined(__clang__)
#define PARLEY_UNROLL _Pragma("clang loop unroll(full)")
#define PARLEY_NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define PARLEY_UNROLL _Pragma("GCC unroll 16")
#define PARLEY_NO_UNROLL _Pragma("GCC unroll 1")
#endif

#define PARLEY_FORGET_MEMORY asm volatile("" ::: "memory")
