// Elementary functions that give the same bits on every build: only IEEE add, multiply, divide and
// integer operations, in one order, never the platform's libm. Scalar; kernels/ has vector forms of
// the same polynomials.
#pragma once

namespace parley {

// Each within 2 units in the last place over its domain (derivation in math.cc, checked
// exhaustively in tests).
float Exp(float x);  // 0 below about -104, infinity above about 88.7
double Exp(double x);
double Log(double x);                      // x > 0
double Pow(double base, double exponent);  // base >= 0
float Tanh(float x);

// For |x| <= 2^20, within 2^-52 of the exact value; NaN beyond. Between -1 and 1.
double Sin(double x);
double Cos(double x);

}  // namespace parley
