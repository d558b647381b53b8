// The field of 2^255 - 19: ten limbs of 26 and 25 bits in turn, signed, products of 64 bits.
//
// Bounds, as in ref10 (Bernstein, Duif, Lange, Schwabe, Yang): a product or a square leaves limbs of at most 1.01·2^25 and
// 1.01·2^24 ("reduced"), and takes limbs up to 1.65·2^26 and 1.65·2^25. A sum or difference of two reduced elements is below
// 1.01·2^26, one of that and a reduced one below 1.52·2^26. Nothing here adds more than that before it multiplies.
#pragma once

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

typedef i32 Field[10];

#define NOT_INLINE __attribute__((noinline))

static inline int limb_bits(int limb) { return (limb & 1) ? 25 : 26; }

// One carry from a limb to the next, rounded, so that what stays is between -2^(bits-1) and 2^(bits-1).
#define CARRY(from, to, bits) \
  {                           \
    i64 carry = (from + (1LL << (bits - 1))) >> bits; \
    to += carry;              \
    from -= carry * (1LL << bits); \
  }

// The order is that of ref10; the carry out of the top comes in at the bottom 19 times.
#define CARRY_AND_STORE(h)                                                                     \
  {                                                                                            \
    CARRY(h0, h1, 26) CARRY(h4, h5, 26) CARRY(h1, h2, 25) CARRY(h5, h6, 25) CARRY(h2, h3, 26)  \
    CARRY(h6, h7, 26) CARRY(h3, h4, 25) CARRY(h7, h8, 25) CARRY(h4, h5, 26) CARRY(h8, h9, 26)  \
    i64 top = (h9 + (1LL << 24)) >> 25;                                                        \
    h0 += top * 19;                                                                            \
    h9 -= top * (1LL << 25);                                                                   \
    CARRY(h0, h1, 26)                                                                          \
    h[0] = (i32)h0, h[1] = (i32)h1, h[2] = (i32)h2, h[3] = (i32)h3, h[4] = (i32)h4;            \
    h[5] = (i32)h5, h[6] = (i32)h6, h[7] = (i32)h7, h[8] = (i32)h8, h[9] = (i32)h9;            \
  }

// h = f·g. Limbs i and j meet in limb i+j: twice where both have 25 bits, 19 times where i+j passes the top.
static NOT_INLINE void field_multiply(Field h, const Field f, const Field g) {
  i64 f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3], f4 = f[4],
      f5 = f[5], f6 = f[6], f7 = f[7], f8 = f[8], f9 = f[9];
  i64 g0 = g[0], g1 = g[1], g2 = g[2], g3 = g[3], g4 = g[4],
      g5 = g[5], g6 = g[6], g7 = g[7], g8 = g[8], g9 = g[9];
  i64 g1_19 = 19 * g1, g2_19 = 19 * g2, g3_19 = 19 * g3, g4_19 = 19 * g4, g5_19 = 19 * g5,
      g6_19 = 19 * g6, g7_19 = 19 * g7, g8_19 = 19 * g8, g9_19 = 19 * g9;
  i64 f1_2 = 2 * f1, f3_2 = 2 * f3, f5_2 = 2 * f5, f7_2 = 2 * f7, f9_2 = 2 * f9;
  i64 h0 = f0 * g0 + f1_2 * g9_19 + f2 * g8_19 + f3_2 * g7_19 + f4 * g6_19 + f5_2 * g5_19 + f6 * g4_19 +
      f7_2 * g3_19 + f8 * g2_19 + f9_2 * g1_19;
  i64 h1 = f0 * g1 + f1 * g0 + f2 * g9_19 + f3 * g8_19 + f4 * g7_19 + f5 * g6_19 + f6 * g5_19 + f7 * g4_19 +
      f8 * g3_19 + f9 * g2_19;
  i64 h2 = f0 * g2 + f1_2 * g1 + f2 * g0 + f3_2 * g9_19 + f4 * g8_19 + f5_2 * g7_19 + f6 * g6_19 + f7_2 * g5_19 +
      f8 * g4_19 + f9_2 * g3_19;
  i64 h3 = f0 * g3 + f1 * g2 + f2 * g1 + f3 * g0 + f4 * g9_19 + f5 * g8_19 + f6 * g7_19 + f7 * g6_19 + f8 * g5_19 +
      f9 * g4_19;
  i64 h4 = f0 * g4 + f1_2 * g3 + f2 * g2 + f3_2 * g1 + f4 * g0 + f5_2 * g9_19 + f6 * g8_19 + f7_2 * g7_19 +
      f8 * g6_19 + f9_2 * g5_19;
  i64 h5 = f0 * g5 + f1 * g4 + f2 * g3 + f3 * g2 + f4 * g1 + f5 * g0 + f6 * g9_19 + f7 * g8_19 + f8 * g7_19 +
      f9 * g6_19;
  i64 h6 = f0 * g6 + f1_2 * g5 + f2 * g4 + f3_2 * g3 + f4 * g2 + f5_2 * g1 + f6 * g0 + f7_2 * g9_19 + f8 * g8_19 +
      f9_2 * g7_19;
  i64 h7 = f0 * g7 + f1 * g6 + f2 * g5 + f3 * g4 + f4 * g3 + f5 * g2 + f6 * g1 + f7 * g0 + f8 * g9_19 + f9 * g8_19;
  i64 h8 = f0 * g8 + f1_2 * g7 + f2 * g6 + f3_2 * g5 + f4 * g4 + f5_2 * g3 + f6 * g2 + f7_2 * g1 + f8 * g0 +
      f9_2 * g9_19;
  i64 h9 = f0 * g9 + f1 * g8 + f2 * g7 + f3 * g6 + f4 * g5 + f5 * g4 + f6 * g3 + f7 * g2 + f8 * g1 + f9 * g0;
  CARRY_AND_STORE(h)
}

// h = times·f², for times 1 or 2: what meets itself is counted once, everything else twice.
static inline void field_square_times(Field h, const Field f, i64 times) {
  i64 f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3], f4 = f[4],
      f5 = f[5], f6 = f[6], f7 = f[7], f8 = f[8], f9 = f[9];
  i64 f0_2 = 2 * f0, f1_2 = 2 * f1, f2_2 = 2 * f2, f3_2 = 2 * f3, f4_2 = 2 * f4,
      f5_2 = 2 * f5, f6_2 = 2 * f6, f7_2 = 2 * f7;
  i64 f5_38 = 38 * f5, f6_19 = 19 * f6, f7_38 = 38 * f7, f8_19 = 19 * f8, f9_38 = 38 * f9;
  i64 h0 = f0 * f0 + f1_2 * f9_38 + f2_2 * f8_19 + f3_2 * f7_38 + f4_2 * f6_19 + f5 * f5_38;
  i64 h1 = f0_2 * f1 + f2 * f9_38 + f3_2 * f8_19 + f4 * f7_38 + f5_2 * f6_19;
  i64 h2 = f0_2 * f2 + f1_2 * f1 + f3_2 * f9_38 + f4_2 * f8_19 + f5_2 * f7_38 + f6 * f6_19;
  i64 h3 = f0_2 * f3 + f1_2 * f2 + f4 * f9_38 + f5_2 * f8_19 + f6 * f7_38;
  i64 h4 = f0_2 * f4 + f1_2 * f3_2 + f2 * f2 + f5_2 * f9_38 + f6_2 * f8_19 + f7 * f7_38;
  i64 h5 = f0_2 * f5 + f1_2 * f4 + f2_2 * f3 + f6 * f9_38 + f7_2 * f8_19;
  i64 h6 = f0_2 * f6 + f1_2 * f5_2 + f2_2 * f4 + f3_2 * f3 + f7_2 * f9_38 + f8 * f8_19;
  i64 h7 = f0_2 * f7 + f1_2 * f6 + f2_2 * f5 + f3_2 * f4 + f8 * f9_38;
  i64 h8 = f0_2 * f8 + f1_2 * f7_2 + f2_2 * f6 + f3_2 * f5_2 + f4 * f4 + f9 * f9_38;
  i64 h9 = f0_2 * f9 + f1_2 * f8 + f2_2 * f7 + f3_2 * f6 + f4_2 * f5;
  if (times == 2) {
    h0 += h0, h1 += h1, h2 += h2, h3 += h3, h4 += h4, h5 += h5, h6 += h6, h7 += h7, h8 += h8, h9 += h9;
  }
  CARRY_AND_STORE(h)
}

static NOT_INLINE void field_square(Field h, const Field f) { field_square_times(h, f, 1); }

static NOT_INLINE void field_square_twice(Field h, const Field f) { field_square_times(h, f, 2); }

static inline void field_add(Field h, const Field f, const Field g) {
  for (int i = 0; i < 10; i++) h[i] = f[i] + g[i];
}

static inline void field_subtract(Field h, const Field f, const Field g) {
  for (int i = 0; i < 10; i++) h[i] = f[i] - g[i];
}

static inline void field_negate(Field h, const Field f) {
  for (int i = 0; i < 10; i++) h[i] = -f[i];
}

static inline void field_copy(Field h, const Field f) {
  for (int i = 0; i < 10; i++) h[i] = f[i];
}

static inline void field_set(Field h, i32 value) {
  h[0] = value;
  for (int i = 1; i < 10; i++) h[i] = 0;
}

// The one number below 2^255 - 19, little-endian; limbs up to 1.1·2^26 and 1.1·2^25.
static void field_encode(u8 *out, const Field f) {
  Field h;
  field_copy(h, f);
  i32 quotient = (19 * h[9] + (1 << 24)) >> 25;
  for (int i = 0; i < 10; i++) quotient = (h[i] + quotient) >> limb_bits(i);
  h[0] += 19 * quotient;
  for (int i = 0; i < 10; i++) {
    i32 carry = h[i] >> limb_bits(i);
    if (i < 9) h[i + 1] += carry; // what leaves the top is the multiple of 2^255 that was added
    h[i] -= carry * (1 << limb_bits(i));
  }
  u64 pending = 0;
  int bits = 0, length = 0;
  for (int i = 0; i < 10; i++) {
    pending |= (u64)(u32)h[i] << bits;
    for (bits += limb_bits(i); bits >= 8; bits -= 8) {
      out[length++] = (u8)pending;
      pending >>= 8;
    }
  }
  out[length] = (u8)pending;
}

// The lower 255 bits, little-endian, reduced.
static void field_decode(Field h, const u8 *in) {
  i64 t[10];
  u64 pending = 0;
  int bits = 0, read = 0;
  for (int i = 0; i < 10; i++) {
    for (; bits < limb_bits(i); bits += 8, read++) {
      if (read < 32) pending |= (u64)(read == 31 ? in[31] & 127 : in[read]) << bits;
    }
    t[i] = (i64)(pending & ((1u << limb_bits(i)) - 1));
    pending >>= limb_bits(i);
    bits -= limb_bits(i);
  }
  i64 h0 = t[0], h1 = t[1], h2 = t[2], h3 = t[3], h4 = t[4], h5 = t[5], h6 = t[6], h7 = t[7], h8 = t[8], h9 = t[9];
  CARRY_AND_STORE(h)
}

static int field_is_odd(const Field f) {
  u8 bytes[32];
  field_encode(bytes, f);
  return bytes[0] & 1;
}

static int field_is_zero(const Field f) {
  u8 bytes[32], all = 0;
  field_encode(bytes, f);
  for (int i = 0; i < 32; i++) all |= bytes[i];
  return all == 0;
}

static void field_square_repeatedly(Field h, const Field f, int times) {
  field_square(h, f);
  while (--times > 0) field_square(h, h);
}

// h = z^(2^250 - 1), z11 = z^11: the part that all three powers below share.
static void field_power_250(Field h, Field z11, const Field z) {
  Field a, b, c;
  field_square(a, z);
  field_square_repeatedly(b, a, 2);
  field_multiply(b, z, b); // z^9
  field_multiply(z11, a, b);
  field_square(a, z11);
  field_multiply(b, b, a); // z^(2^5 - 1)
  field_square_repeatedly(a, b, 5);
  field_multiply(b, a, b); // z^(2^10 - 1)
  field_square_repeatedly(a, b, 10);
  field_multiply(a, a, b); // z^(2^20 - 1)
  field_square_repeatedly(c, a, 20);
  field_multiply(a, c, a); // z^(2^40 - 1)
  field_square_repeatedly(a, a, 10);
  field_multiply(b, a, b); // z^(2^50 - 1)
  field_square_repeatedly(a, b, 50);
  field_multiply(a, a, b); // z^(2^100 - 1)
  field_square_repeatedly(c, a, 100);
  field_multiply(a, c, a); // z^(2^200 - 1)
  field_square_repeatedly(a, a, 50);
  field_multiply(h, a, b); // z^(2^250 - 1)
}

// 1/z = z^(2^255 - 21)
static void field_invert(Field h, const Field z) {
  Field power, z11;
  field_power_250(power, z11, z);
  field_square_repeatedly(power, power, 5);
  field_multiply(h, power, z11);
}

// z^(2^252 - 3), of which square roots are made (RFC 8032 section 5.1.3)
static void field_power_252_3(Field h, const Field z) {
  Field power, z11;
  field_power_250(power, z11, z);
  field_square_repeatedly(power, power, 2);
  field_multiply(h, power, z);
}

// The square root of -1: 2^((p - 1) / 4) = 2^(2^253 - 5)
static void field_root_of_minus_one(Field h) {
  Field two, power, z11;
  field_set(two, 2);
  field_power_250(power, z11, two);
  field_square_repeatedly(power, power, 3);
  field_multiply(power, power, two);
  field_multiply(power, power, two);
  field_multiply(h, power, two);
}
