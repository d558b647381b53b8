// Points of edwards25519: -x² + y² = 1 + d·x²·y². The formulas (Hisil, Wong, Carter, Dawson 2008) are complete on this curve:
// they hold for all points, small order included, and no Z becomes zero.
#pragma once
#include "field.h"

// x = X/Z, y = Y/Z, T = XY/Z
typedef struct {
  Field X, Y, Z, T;
} Point;

// x = X/Z, y = Y/T: what an addition leaves, before three or four products make a point of it
typedef struct {
  Field X, Y, Z, T;
} Completed;

// What an addition needs of an affine point: y + x, y - x, 2dxy
typedef struct {
  Field plus, minus, product;
} Affine;

static Field D, D_TWICE, ROOT_OF_MINUS_ONE;

static void point_constants(void) {
  Field numerator, denominator;
  field_set(numerator, -121665);
  field_set(denominator, 121666);
  field_invert(denominator, denominator);
  field_multiply(D, numerator, denominator);
  field_add(D_TWICE, D, D); // only ever a factor: below 1.01·2^26
  field_root_of_minus_one(ROOT_OF_MINUS_ONE);
}

static inline void point_set_neutral(Point *p) {
  field_set(p->X, 0);
  field_set(p->Y, 1);
  field_set(p->Z, 1);
  field_set(p->T, 0);
}

// Without T, which a doubling does not need.
static inline void complete_short(Point *p, const Completed *r) {
  field_multiply(p->X, r->X, r->T);
  field_multiply(p->Y, r->Y, r->Z);
  field_multiply(p->Z, r->Z, r->T);
}

static inline void complete(Point *p, const Completed *r) {
  complete_short(p, r);
  field_multiply(p->T, r->X, r->Y);
}

// Reads no T.
static void point_double(Completed *r, const Point *p) {
  Field sum;
  field_square(r->X, p->X);
  field_square(r->Z, p->Y);
  field_square_twice(r->T, p->Z);
  field_add(r->Y, p->X, p->Y);
  field_square(sum, r->Y);
  field_add(r->Y, r->Z, r->X);
  field_subtract(r->Z, r->Z, r->X);
  field_subtract(r->X, sum, r->Y);
  field_subtract(r->T, r->T, r->Z);
}

static void point_add(Completed *r, const Point *p, const Point *q) {
  Field a, b, c, d, t;
  field_subtract(a, p->Y, p->X);
  field_subtract(t, q->Y, q->X);
  field_multiply(a, a, t);
  field_add(b, p->Y, p->X);
  field_add(t, q->Y, q->X);
  field_multiply(b, b, t);
  field_multiply(c, p->T, q->T);
  field_multiply(c, c, D_TWICE);
  field_multiply(d, p->Z, q->Z);
  field_add(d, d, d);
  field_subtract(r->X, b, a);
  field_add(r->Y, b, a);
  field_add(r->Z, d, c);
  field_subtract(r->T, d, c);
}

static void point_add_affine(Completed *r, const Point *p, const Affine *q) {
  Field twice;
  field_add(r->X, p->Y, p->X);
  field_subtract(r->Y, p->Y, p->X);
  field_multiply(r->Z, r->X, q->plus);
  field_multiply(r->Y, r->Y, q->minus);
  field_multiply(r->T, q->product, p->T);
  field_add(twice, p->Z, p->Z);
  field_subtract(r->X, r->Z, r->Y);
  field_add(r->Y, r->Z, r->Y);
  field_add(r->Z, twice, r->T);
  field_subtract(r->T, twice, r->T);
}

// The same with -q: its y + x is y - x of q, and its 2dxy has the other sign.
static void point_subtract_affine(Completed *r, const Point *p, const Affine *q) {
  Field twice;
  field_add(r->X, p->Y, p->X);
  field_subtract(r->Y, p->Y, p->X);
  field_multiply(r->Z, r->X, q->minus);
  field_multiply(r->Y, r->Y, q->plus);
  field_multiply(r->T, q->product, p->T);
  field_add(twice, p->Z, p->Z);
  field_subtract(r->X, r->Z, r->Y);
  field_add(r->Y, r->Z, r->Y);
  field_subtract(r->Z, twice, r->T);
  field_add(r->T, twice, r->T);
}

// Whether the y of an encoding is below 2^255 - 19.
static int point_is_canonical(const u8 *encoded) {
  if ((encoded[31] & 127) != 127 || encoded[0] < 0xed) return 1;
  for (int i = 1; i < 31; i++) {
    if (encoded[i] != 255) return 1;
  }
  return 0;
}

// RFC 8032 section 5.1.3. Returns 0 for bytes that are no point.
static int point_decode(Point *p, const u8 *encoded) {
  Field u, v, v3, x, vxx, check;
  field_decode(p->Y, encoded);
  field_set(p->Z, 1);
  field_square(u, p->Y);
  field_multiply(v, u, D);
  field_subtract(u, u, p->Z); // y² - 1
  field_add(v, v, p->Z);      // dy² + 1
  field_square(v3, v);
  field_multiply(v3, v3, v);
  field_square(x, v3);
  field_multiply(x, x, v);
  field_multiply(x, x, u);
  field_power_252_3(x, x); // (uv^7)^((p - 5) / 8)
  field_multiply(x, x, v3);
  field_multiply(x, x, u);
  field_square(vxx, x);
  field_multiply(vxx, vxx, v);
  field_subtract(check, vxx, u);
  if (!field_is_zero(check)) {
    field_add(check, vxx, u);
    if (!field_is_zero(check)) return 0;
    field_multiply(x, x, ROOT_OF_MINUS_ONE);
  }
  int sign = encoded[31] >> 7;
  if (sign && field_is_zero(x)) return 0;
  if (field_is_odd(x) != sign) field_negate(x, x);
  field_copy(p->X, x);
  field_multiply(p->T, p->X, p->Y);
  return 1;
}

// Reads no T.
static void point_encode(u8 *out, const Point *p) {
  Field inverse, x, y;
  field_invert(inverse, p->Z);
  field_multiply(x, p->X, inverse);
  field_multiply(y, p->Y, inverse);
  field_encode(out, y);
  out[31] ^= (u8)(field_is_odd(x) << 7);
}

static int point_has_small_order(const Point *p) {
  Point eighth = *p;
  Completed r;
  Field difference;
  for (int i = 0; i < 3; i++) {
    point_double(&r, &eighth);
    complete_short(&eighth, &r);
  }
  field_subtract(difference, eighth.Y, eighth.Z);
  return field_is_zero(eighth.X) && field_is_zero(difference);
}
