// The constants of the f32 exponential, shared by the scalar form in math.cc and the vector form in
// kernels/, which give the same bits because they do the same operations in the same order. No
// code.
#pragma once

namespace parley::exp_f32 {

// exp(x) = 2^n * exp(r), n = round(x / ln 2), r = x - n ln 2 in [-0.347, 0.347] (Cody and Waite
// 1980).
inline constexpr float kHighest = 89.0f;   // clamped to: 2^128 * 1.06 overflows to infinity
inline constexpr float kLowest = -105.0f;  // clamped to: below 2^-150, which rounds to zero
inline constexpr float kLog2E = 1.44269504088896341f;
inline constexpr float kRound =
    12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, in the low bits
inline constexpr float kLn2High = 0.693359375f;    // 355 / 512: n times it is exact for |n| < 2^15
inline constexpr float kLn2Low = -2.12194440e-4f;  // ln 2 - kLn2High
// exp(r) = 1 + r + r^2 (c0 + c1 r + ... + c5 r^5); coefficients of Cephes' expf (Moshier 1992).
inline constexpr float kC0 = 5.0000001201e-1f;
inline constexpr float kC1 = 1.6666665459e-1f;
inline constexpr float kC2 = 4.1665795894e-2f;
inline constexpr float kC3 = 8.3334519073e-3f;
inline constexpr float kC4 = 1.3981999507e-3f;
inline constexpr float kC5 = 1.9875691500e-4f;

}  // namespace parley::exp_f32
