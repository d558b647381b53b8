// Numbers modulo L = 2^252 + 27742317777372353535851937790883648493, the order of the base point.
#pragma once
#include "field.h"

static const u8 ORDER[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                             0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                             0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static int scalar_is_below_order(const u8 *scalar) {
  for (int i = 31; i >= 0; i--) {
    if (scalar[i] < ORDER[i]) return 1;
    if (scalar[i] > ORDER[i]) return 0;
  }
  return 0;
}

// 2^252 = -27742317777372353535851937790883648493 modulo L, in limbs of 21 bits
static const i64 FOLDED[6] = {666643, 470296, 654183, -997805, 136657, -683901};

static inline void scalar_fold(i64 *s, int limb) {
  for (int k = 0; k < 6; k++) s[limb - 12 + k] += s[limb] * FOLDED[k];
  s[limb] = 0;
}

static inline void scalar_carry(i64 *s, int limb, i64 rounding) {
  i64 carry = (s[limb] + rounding) >> 21;
  s[limb + 1] += carry;
  s[limb] -= carry * (1LL << 21);
}

#define ROUNDED (1LL << 20)

// 512 bits modulo L, below L: the schedule of ref10. Where a key has a part of small order, L more would be another verdict.
static void scalar_reduce(u8 *out, const u8 *in) {
  i64 s[24];
  for (int i = 0; i < 24; i++) {
    int first = 21 * i / 8;
    u64 value = 0;
    for (int j = 0; j < 4; j++) value |= (u64)in[first + j] << (8 * j);
    value >>= 21 * i % 8;
    s[i] = (i64)(i < 23 ? value & 0x1fffff : value); // the last one has 29 bits
  }
  for (int i = 23; i >= 18; i--) scalar_fold(s, i);
  for (int i = 6; i <= 16; i += 2) scalar_carry(s, i, ROUNDED);
  for (int i = 7; i <= 15; i += 2) scalar_carry(s, i, ROUNDED);
  for (int i = 17; i >= 12; i--) scalar_fold(s, i);
  for (int i = 0; i <= 10; i += 2) scalar_carry(s, i, ROUNDED);
  for (int i = 1; i <= 11; i += 2) scalar_carry(s, i, ROUNDED);
  scalar_fold(s, 12);
  for (int i = 0; i < 12; i++) scalar_carry(s, i, 0);
  scalar_fold(s, 12);
  for (int i = 0; i < 11; i++) scalar_carry(s, i, 0);
  u64 pending = 0;
  int bits = 0, length = 0;
  for (int i = 0; i < 12; i++) {
    pending |= (u64)s[i] << bits;
    for (bits += 21; bits >= 8 && length < 32; bits -= 8) {
      out[length++] = (u8)pending;
      pending >>= 8;
    }
  }
  for (; length < 32; pending >>= 8) out[length++] = (u8)pending;
}

// Signed digits at bit positions: odd or zero, below 2^(width-1), and after each one that is not zero width-1 zeros.
// For a scalar below 2^253 the last one stands at 253 at the latest.
static void scalar_digits(i8 *digits, const u8 *scalar, int width) {
  u64 words[5];
  for (int i = 0; i < 256; i++) digits[i] = 0;
  for (int i = 0; i < 4; i++) {
    words[i] = 0;
    for (int j = 7; j >= 0; j--) words[i] = words[i] << 8 | scalar[8 * i + j];
  }
  words[4] = 0;
  u32 carry = 0;
  for (int position = 0; position < 256;) {
    int word = position >> 6, shift = position & 63;
    u64 bits = words[word] >> shift;
    if (shift > 0) bits |= words[word + 1] << (64 - shift);
    i32 value = (i32)((bits & ((1u << width) - 1)) + carry);
    if (!(value & 1)) {
      position++; // the carry stays: an even value with a carry ends in zeros that were ones
      continue;
    }
    carry = value >= 1 << (width - 1);
    digits[position] = (i8)(carry ? value - (1 << width) : value);
    position += width;
  }
}
