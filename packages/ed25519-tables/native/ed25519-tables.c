// Ed25519 verification (RFC 8032 section 5.1.7, without cofactor) with a table for each key.
//
// A scalar of 256 bits is cut into 16 blocks of 16 bits, and a table holds the odd multiples of 2^(16·block)·P for each
// block. S·B - k·A then takes 15 doublings in all, for both scalars together, and an addition for each digit that is not
// zero. The tables of keys hold the multiples of -A.
//
// Time varies with the inputs, on purpose: a verifier knows no secret. Nothing here must ever be used to sign.
//
// Memory is laid out at build time and never grows. Callers write into three buffers and name a table by its number; no
// address comes in from outside.
#include "field.h"
#include "point.h"
#include "scalar.h"
#include "sha512.h"

#define EXPORT(name) __attribute__((export_name(name)))

// The compiler may ask for these two, whatever the source says.
void *memcpy(void *to, const void *from, unsigned long length) {
  u8 *out = to;
  const u8 *in = from;
  while (length-- > 0) *out++ = *in++;
  return to;
}

void *memset(void *to, int value, unsigned long length) {
  u8 *out = to;
  while (length-- > 0) *out++ = (u8)value;
  return to;
}

#define BLOCKS 16
#define BLOCK_BITS 16

// Digits of 5 bits with 8 entries a block for a key (15 KB), of 8 bits with 64 entries for the base point (120 KB).
#define KEY_WIDTH 5
#define KEY_ENTRIES 8
#define BASE_WIDTH 8
#define BASE_ENTRIES 64

#define MAX_TABLES 1024
#define MAX_MESSAGE 65536

typedef struct {
  u32 ready;
  u8 key[32];
  Affine entries[BLOCKS * KEY_ENTRIES];
} KeyTable;

static Affine base_table[BLOCKS * BASE_ENTRIES];
static KeyTable key_tables[MAX_TABLES];
static u8 key_input[32];
static u8 signature_input[64];
static u8 message_input[64 + MAX_MESSAGE + SHA512_ROOM]; // R and A go before the message

// What the making of a table needs for a moment.
static Point multiples[BLOCKS * BASE_ENTRIES];
static Field products[BLOCKS * BASE_ENTRIES];

// Points become affine with one inversion for all of them (Montgomery).
static void make_affine(Affine *table, int count) {
  Field inverse, z, x, y, sum, one;
  field_set(one, 1);
  field_copy(products[0], multiples[0].Z);
  for (int i = 1; i < count; i++) field_multiply(products[i], products[i - 1], multiples[i].Z);
  field_invert(inverse, products[count - 1]);
  for (int i = count - 1; i >= 0; i--) {
    if (i > 0) {
      field_multiply(z, inverse, products[i - 1]);
      field_multiply(inverse, inverse, multiples[i].Z);
    } else {
      field_copy(z, inverse);
    }
    field_multiply(x, multiples[i].X, z);
    field_multiply(y, multiples[i].Y, z);
    field_add(sum, y, x);
    field_multiply(table[i].plus, sum, one); // reduced, so that additions stay within their bounds
    field_subtract(sum, y, x);
    field_multiply(table[i].minus, sum, one);
    field_multiply(sum, x, y);
    field_multiply(table[i].product, sum, D_TWICE);
  }
}

// The multiples 1, 3, 5, … of 2^(16·block)·P, block by block.
static void make_table(Affine *table, const Point *p, int entries) {
  Point current = *p, twice;
  Completed r;
  for (int block = 0; block < BLOCKS; block++) {
    Point *odd = multiples + block * entries;
    odd[0] = current;
    point_double(&r, &current);
    complete(&twice, &r);
    for (int i = 1; i < entries; i++) {
      point_add(&r, &odd[i - 1], &twice);
      complete(&odd[i], &r);
    }
    current = twice;
    for (int i = 1; i < BLOCK_BITS; i++) {
      point_double(&r, &current);
      if (i < BLOCK_BITS - 1) complete_short(&current, &r);
      else complete(&current, &r);
    }
  }
  make_affine(table, BLOCKS * entries);
}

EXPORT("max_tables") u32 max_tables(void) { return MAX_TABLES; }
EXPORT("max_message") u32 max_message(void) { return MAX_MESSAGE; }
EXPORT("key_input") u8 *key_input_address(void) { return key_input; }
EXPORT("signature_input") u8 *signature_input_address(void) { return signature_input; }
EXPORT("message_input") u8 *message_input_address(void) { return message_input + 64; }

// Makes the constants and the table of the base point. Call it once, before anything else.
EXPORT("prepare") void prepare(void) {
  u8 encoded[32];
  Point base;
  point_constants();
  for (int i = 0; i < 32; i++) encoded[i] = 0x66;
  encoded[0] = 0x58; // y = 4/5, x even
  point_decode(&base, encoded);
  make_table(base_table, &base, BASE_ENTRIES);
}

// Makes the table of the key in `key_input`. Returns 1, or 0 for a key that is no canonical point or has small order.
EXPORT("build") u32 build(u32 number) {
  Point key;
  if (number >= MAX_TABLES) return 0;
  KeyTable *table = &key_tables[number];
  table->ready = 0;
  if (!point_is_canonical(key_input) || !point_decode(&key, key_input) || point_has_small_order(&key)) return 0;
  field_negate(key.X, key.X);
  field_negate(key.T, key.T);
  make_table(table->entries, &key, KEY_ENTRIES);
  for (int i = 0; i < 32; i++) table->key[i] = key_input[i];
  table->ready = 1;
  return 1;
}

typedef struct {
  Point point;
  Completed sum;
  int pending; // whether `sum` has what `point` is to become
} Sum;

static inline void add_digit(Sum *s, const Affine *block, int digit) {
  if (digit == 0) return;
  if (s->pending) complete(&s->point, &s->sum);
  if (digit > 0) point_add_affine(&s->sum, &s->point, &block[digit >> 1]);
  else point_subtract_affine(&s->sum, &s->point, &block[-digit >> 1]);
  s->pending = 1;
}

// S·B + k·(-A). The result has no T.
static void sum_of_products(Sum *s, const KeyTable *table, const u8 *k, const u8 *S) {
  i8 key_digits[256], base_digits[256];
  scalar_digits(key_digits, k, KEY_WIDTH);
  scalar_digits(base_digits, S, BASE_WIDTH);
  point_set_neutral(&s->point);
  s->pending = 0;
  for (int bit = BLOCK_BITS - 1; bit >= 0; bit--) {
    if (bit < BLOCK_BITS - 1) {
      point_double(&s->sum, &s->point);
      s->pending = 1;
    }
    for (int block = 0; block < BLOCKS; block++) {
      add_digit(s, table->entries + block * KEY_ENTRIES, key_digits[BLOCK_BITS * block + bit]);
      add_digit(s, base_table + block * BASE_ENTRIES, base_digits[BLOCK_BITS * block + bit]);
    }
    if (s->pending) complete_short(&s->point, &s->sum);
    s->pending = 0;
  }
}

#define HOLDS 1
#define FAILS 0
#define UNDECIDED 2

// Whether `signature_input` holds for the message in `message_input` under the key of a table. UNDECIDED for what the table
// does not judge: no such table, a message too long, an R that is not canonical, an S that is not below the order.
EXPORT("verify") u32 verify(u32 number, u32 length) {
  if (number >= MAX_TABLES || length > MAX_MESSAGE) return UNDECIDED;
  const KeyTable *table = &key_tables[number];
  const u8 *R = signature_input, *S = signature_input + 32;
  if (!table->ready || !point_is_canonical(R) || !scalar_is_below_order(S)) return UNDECIDED;
  u8 hash[64], k[32], encoded[32];
  for (int i = 0; i < 32; i++) message_input[i] = R[i];
  for (int i = 0; i < 32; i++) message_input[32 + i] = table->key[i];
  sha512_in_place(hash, message_input, 64 + length);
  scalar_reduce(k, hash);
  Sum s;
  sum_of_products(&s, table, k, S);
  point_encode(encoded, &s.point);
  int difference = 0;
  for (int i = 0; i < 32; i++) difference |= encoded[i] ^ R[i];
  return difference == 0 ? HOLDS : FAILS;
}
