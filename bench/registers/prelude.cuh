// What WGSL has and CUDA C++ lacks: vectors, matrices, arrays as values, and the built-in functions that Zygo's kernels
// call. Programs that bench/registers/translate.ts writes are compiled behind this, to see what ptxas makes of them.
//
// Everything is inlined, and indices of vectors, matrices and arrays are ordinary ones, so that a dynamic index into
// what should be registers shows as a stack frame, as it would from a driver.
#include <cuda_fp16.h>

#define INLINE __device__ __forceinline__

namespace wgsl {

template <class T> struct Same { using type = T; };
/** T, but not deduced from the argument: an abstract number beside a vector takes the vector's type. */
template <class T> using As = typename Same<T>::type;

template <class T, int N> struct vec;
template <class T> struct alignas(2 * sizeof(T)) vec<T, 2> {
  T x, y;
  INLINE T &operator[](unsigned i) { return (&x)[i]; }
  INLINE const T &operator[](unsigned i) const { return (&x)[i]; }
};
// (WGSL aligns vec3 to 16 bytes; no storage buffer of Zygo's holds any.)
template <class T> struct vec<T, 3> {
  T x, y, z;
  INLINE T &operator[](unsigned i) { return (&x)[i]; }
  INLINE const T &operator[](unsigned i) const { return (&x)[i]; }
};
template <class T> struct alignas(4 * sizeof(T)) vec<T, 4> {
  T x, y, z, w;
  INLINE T &operator[](unsigned i) { return (&x)[i]; }
  INLINE const T &operator[](unsigned i) const { return (&x)[i]; }
};

template <class T, int C, int R> struct mat {
  vec<T, R> c[C];
  INLINE vec<T, R> &operator[](unsigned i) { return c[i]; }
  INLINE const vec<T, R> &operator[](unsigned i) const { return c[i]; }
};

template <class T, int N> struct array {
  T e[N];
  INLINE T &operator[](unsigned i) { return e[i]; }
  INLINE const T &operator[](unsigned i) const { return e[i]; }
};

// Constructors: numbers and vectors one after the other, one number for all components, or nothing for zeros.
template <class T, class A> INLINE void put(T *out, int &at, A value) { out[at++] = T(value); }
template <class T, class A, int N> INLINE void put(T *out, int &at, vec<A, N> value) {
#pragma unroll
  for (int i = 0; i < N; i++) out[at++] = T(value[i]);
}
template <class T, int N, class... Parts> INLINE vec<T, N> make(Parts... parts) {
  T out[N] = {};
  int at = 0;
  (put(out, at, parts), ...);
  vec<T, N> result;
#pragma unroll
  for (int i = 0; i < N; i++) result[i] = at == 1 ? out[0] : out[i];
  return result;
}
template <class T, int C, int R, class... Parts> INLINE mat<T, C, R> make_matrix(Parts... parts) {
  T out[C * R] = {};
  int at = 0;
  (put(out, at, parts), ...);
  mat<T, C, R> result;
#pragma unroll
  for (int i = 0; i < C * R; i++) result.c[i / R][i % R] = out[i];
  return result;
}
template <class T, class Element, class... Parts> INLINE T make_array(Parts... parts) { return T{{Element(parts)...}}; }

template <int... Places, class T, int N> INLINE vec<T, sizeof...(Places)> swizzle(vec<T, N> v) { return {v[Places]...}; }

#define EACH(expression)          \
  _Pragma("unroll") for (int i = 0; i < N; i++) r[i] = expression; \
  return r;

#define BINARY(op)                                                                                         \
  template <class T, int N> INLINE vec<T, N> operator op(vec<T, N> a, vec<T, N> b) { vec<T, N> r; EACH(a[i] op b[i]) } \
  template <class T, int N> INLINE vec<T, N> operator op(vec<T, N> a, As<T> b) { vec<T, N> r; EACH(a[i] op b) }        \
  template <class T, int N> INLINE vec<T, N> operator op(As<T> a, vec<T, N> b) { vec<T, N> r; EACH(a op b[i]) }        \
  template <class T, int N, class B> INLINE vec<T, N> &operator op##=(vec<T, N> &a, B b) { return a = a op b; }
BINARY(+) BINARY(-) BINARY(*) BINARY(&) BINARY(|) BINARY(^)
#define SHIFT(op) \
  template <class T, int N> INLINE vec<T, N> operator op(vec<T, N> a, vec<unsigned, N> b) { vec<T, N> r; EACH(a[i] op b[i]) }
SHIFT(<<) SHIFT(>>)
#define COMPARE(op) \
  template <class T, int N> INLINE vec<bool, N> operator op(vec<T, N> a, vec<T, N> b) { vec<bool, N> r; EACH(a[i] op b[i]) }
COMPARE(<) COMPARE(<=) COMPARE(>) COMPARE(>=) COMPARE(==) COMPARE(!=)
template <class T, int N> INLINE vec<T, N> operator-(vec<T, N> a) { vec<T, N> r; EACH(-a[i]) }
template <class T, int N> INLINE vec<T, N> operator~(vec<T, N> a) { vec<T, N> r; EACH(~a[i]) }
template <int N> INLINE vec<bool, N> operator!(vec<bool, N> a) { vec<bool, N> r; EACH(!a[i]) }

// Division as Tint writes it: by one where an integer divisor is zero.
template <class A, class B> struct Common { using type = decltype(true ? A() : B()); };
template <class T> INLINE T divisor(T b) { return b == T(0) ? T(1) : b; }
INLINE float divisor(float b) { return b; }
INLINE __half divisor(__half b) { return b; }
template <class A, class B> INLINE auto quotient(A a, B b) { using T = typename Common<A, B>::type; return T(a) / divisor(T(b)); }
template <class A, class B> INLINE auto remainder(A a, B b) { using T = typename Common<A, B>::type; return T(a) % divisor(T(b)); }
INLINE float remainder(float a, float b) { return fmodf(a, b); }
#define DIVISION(name)                                                                                             \
  template <class T, int N> INLINE vec<T, N> name(vec<T, N> a, vec<T, N> b) { vec<T, N> r; EACH(name(a[i], b[i])) } \
  template <class T, int N> INLINE vec<T, N> name(vec<T, N> a, As<T> b) { vec<T, N> r; EACH(name(a[i], b)) }        \
  template <class T, int N> INLINE vec<T, N> name(As<T> a, vec<T, N> b) { vec<T, N> r; EACH(name(a, b[i])) }
DIVISION(quotient) DIVISION(remainder)

// Matrices.
template <class T, int C, int R> INLINE vec<T, R> operator*(mat<T, C, R> m, vec<T, C> v) {
  vec<T, R> r = m.c[0] * v[0];
#pragma unroll
  for (int i = 1; i < C; i++) r = r + m.c[i] * v[i];
  return r;
}
template <class T, int N> INLINE T dot(vec<T, N> a, vec<T, N> b) {
  T sum = a[0] * b[0];
#pragma unroll
  for (int i = 1; i < N; i++) sum += a[i] * b[i];
  return sum;
}
template <class T, int C, int R> INLINE vec<T, C> operator*(vec<T, R> v, mat<T, C, R> m) {
  constexpr int N = C;
  vec<T, N> r;
  EACH(dot(v, m.c[i]))
}
template <class T, int C, int R, int K> INLINE mat<T, C, R> operator*(mat<T, K, R> a, mat<T, C, K> b) {
  mat<T, C, R> r;
  constexpr int N = C;
  EACH(a * b.c[i])
}
template <class T, int C, int R> INLINE mat<T, C, R> operator*(mat<T, C, R> a, As<T> b) { mat<T, C, R> r; constexpr int N = C; EACH(a.c[i] * b) }
template <class T, int C, int R> INLINE mat<T, C, R> operator*(As<T> a, mat<T, C, R> b) { return b * a; }
template <class T, int C, int R> INLINE mat<T, C, R> operator+(mat<T, C, R> a, mat<T, C, R> b) { mat<T, C, R> r; constexpr int N = C; EACH(a.c[i] + b.c[i]) }
template <class T, int C, int R> INLINE mat<T, C, R> operator-(mat<T, C, R> a, mat<T, C, R> b) { mat<T, C, R> r; constexpr int N = C; EACH(a.c[i] - b.c[i]) }
template <class T, int C, int R, class B> INLINE mat<T, C, R> &operator+=(mat<T, C, R> &a, B b) { return a = a + b; }
template <class T, int C, int R, class B> INLINE mat<T, C, R> &operator-=(mat<T, C, R> &a, B b) { return a = a - b; }
template <class T, int C, int R, class B> INLINE mat<T, C, R> &operator*=(mat<T, C, R> &a, B b) { return a = a * b; }
template <class T, int C, int R> INLINE mat<T, R, C> transpose(mat<T, C, R> m) {
  mat<T, R, C> r;
#pragma unroll
  for (int i = 0; i < C * R; i++) r.c[i % R][i / R] = m.c[i / R][i % R];
  return r;
}

// Functions of each component.
#define FUNCTION(name, expression)             \
  INLINE float name(float x) { return expression; } \
  template <int N> INLINE vec<float, N> name(vec<float, N> v) { vec<float, N> r; EACH(name(v[i])) }
FUNCTION(exp, expf(x)) FUNCTION(exp2, exp2f(x)) FUNCTION(log, logf(x)) FUNCTION(log2, log2f(x)) FUNCTION(sqrt, sqrtf(x))
FUNCTION(inverseSqrt, rsqrtf(x)) FUNCTION(sin, sinf(x)) FUNCTION(cos, cosf(x)) FUNCTION(tanh, tanhf(x)) FUNCTION(floor, floorf(x))
FUNCTION(ceil, ceilf(x)) FUNCTION(round, rintf(x)) FUNCTION(trunc, truncf(x)) FUNCTION(fract, x - floorf(x)) FUNCTION(saturate, __saturatef(x))
FUNCTION(abs, fabsf(x)) FUNCTION(sign, float((x > 0.0f) - (x < 0.0f)))
INLINE int abs(int x) { return x < 0 ? -x : x; }
INLINE unsigned abs(unsigned x) { return x; }
template <class T, int N> INLINE vec<T, N> abs(vec<T, N> v) { vec<T, N> r; EACH(abs(v[i])) }

INLINE float smaller(float a, float b) { return fminf(a, b); }
INLINE float larger(float a, float b) { return fmaxf(a, b); }
template <class T> INLINE T smaller(T a, T b) { return b < a ? b : a; }
template <class T> INLINE T larger(T a, T b) { return a < b ? b : a; }
template <class A, class B> INLINE auto min(A a, B b) { using T = typename Common<A, B>::type; return smaller(T(a), T(b)); }
template <class A, class B> INLINE auto max(A a, B b) { using T = typename Common<A, B>::type; return larger(T(a), T(b)); }
template <class T, int N> INLINE vec<T, N> min(vec<T, N> a, vec<T, N> b) { vec<T, N> r; EACH(min(a[i], b[i])) }
template <class T, int N> INLINE vec<T, N> max(vec<T, N> a, vec<T, N> b) { vec<T, N> r; EACH(max(a[i], b[i])) }
template <class T> INLINE T clamp(T x, As<T> low, As<T> high) { return min(max(x, low), high); }
INLINE float pow(float a, float b) { return powf(a, b); }
template <int N> INLINE vec<float, N> pow(vec<float, N> a, vec<float, N> b) { vec<float, N> r; EACH(powf(a[i], b[i])) }
INLINE float fma(float a, float b, float c) { return fmaf(a, b, c); }
template <int N> INLINE vec<float, N> fma(vec<float, N> a, vec<float, N> b, vec<float, N> c) { vec<float, N> r; EACH(fmaf(a[i], b[i], c[i])) }
template <class T, class S> INLINE T mix(T a, T b, S share) { return a * (1.0f - share) + b * share; }
template <class T> INLINE T smoothstep(As<T> low, As<T> high, T x) {
  const T t = clamp(quotient(x - low, high - low), T{}, T{} + 1.0f);
  return t * t * (3.0f - 2.0f * t);
}
template <int N> INLINE float length(vec<float, N> v) { return sqrtf(dot(v, v)); }
template <int N> INLINE vec<float, N> normalize(vec<float, N> v) { return v * rsqrtf(dot(v, v)); }
template <int N> INLINE bool any(vec<bool, N> v) { bool r = v[0]; for (int i = 1; i < N; i++) r |= v[i]; return r; }
template <int N> INLINE bool all(vec<bool, N> v) { bool r = v[0]; for (int i = 1; i < N; i++) r &= v[i]; return r; }

template <class A, class B> INLINE auto select(A a, B b, bool second) { using T = typename Common<A, B>::type; return second ? T(b) : T(a); }
template <class T, int N> INLINE vec<T, N> select(vec<T, N> a, vec<T, N> b, bool second) { return second ? b : a; }
template <class T, int N> INLINE vec<T, N> select(vec<T, N> a, vec<T, N> b, vec<bool, N> second) { vec<T, N> r; EACH(second[i] ? b[i] : a[i]) }

template <class To, class From> INLINE To bitcast(From from) {
  static_assert(sizeof(To) == sizeof(From), "bitcast keeps the size");
  To to;
  __builtin_memcpy(&to, &from, sizeof(To));
  return to;
}
INLINE vec<float, 2> unpack2x16float(unsigned word) {
  const float2 two = __half22float2(bitcast<__half2>(word));
  return {two.x, two.y};
}
INLINE unsigned pack2x16float(vec<float, 2> two) { return bitcast<unsigned>(__floats2half2_rn(two.x, two.y)); }

INLINE void workgroupBarrier() { __syncthreads(); }
INLINE void storageBarrier() { __syncthreads(); }

// Quads and subgroups; all lanes take part.
INLINE float shuffle(float value, unsigned lane) { return __shfl_sync(~0u, value, lane); }
INLINE unsigned shuffle(unsigned value, unsigned lane) { return __shfl_sync(~0u, value, lane); }
INLINE int shuffle(int value, unsigned lane) { return __shfl_sync(~0u, value, lane); }
template <class T, int N> INLINE vec<T, N> shuffle(vec<T, N> v, unsigned lane) { vec<T, N> r; EACH(shuffle(v[i], lane)) }
INLINE unsigned lane() { return threadIdx.x % 32u; }
template <class T> INLINE T quadBroadcast(T value, unsigned of) { return shuffle(value, (lane() & ~3u) + of); }
template <class T> INLINE T quadSwapX(T value) { return shuffle(value, lane() ^ 1u); }
template <class T> INLINE T quadSwapY(T value) { return shuffle(value, lane() ^ 2u); }

}  // namespace wgsl
