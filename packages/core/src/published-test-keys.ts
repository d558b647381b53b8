/** Thumbprints of keys whose private halves stand in public documents. Refused unless `allowTestKeys`. */
export const PUBLISHED_TEST_KEYS: ReadonlySet<string> = new Set([
  'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U', // RFC 9421 B.1.4 test-key-ed25519
  'oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA', // RFC 9421 B.1.2 test-key-rsa-pss
  'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', // RFC 8037 appendix A
])
