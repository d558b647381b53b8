/** Thumbprints of keys whose private halves are printed in public documents. Refused unless `allowTestKeys`. */
export const PUBLISHED_TEST_KEYS: ReadonlySet<string> = new Set([
  'BHj8s0GPnMEQtkaULIM-PLgEhLBbuGUQ1vMxmBWZzEo', // RFC 9421 B.1.1 test-key-rsa
  'oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA', // RFC 9421 B.1.2 test-key-rsa-pss
  'ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI', // RFC 9421 B.1.3 test-key-ecc-p256
  'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U', // RFC 9421 B.1.4 test-key-ed25519
  'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', // RFC 8032 7.1 TEST 1, RFC 8037 appendix A
  'FtIu-VbGrfe_KB6CH7GNwODB72MNxj_ml11dEvO-7kk', // RFC 8032 7.1 TEST 2
  'FVV5umTuau890q59V-4Ga_R6qWb7ON_ivJc4EjvCwTM', // RFC 8032 7.1 TEST 3
  'lZI1vM7tnlYapaF5-cy86ptx0tT_8Av721hhiNB5ti4', // RFC 8032 7.1 TEST 1024
  'iiDHHfFVNG6ICMUTsicgrWf1igtFYZEK73xlobt1ah4', // RFC 8032 7.1 TEST SHA(abc)
  'IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8', // RFC 7515 A.2 RSA
  'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U', // RFC 7515 A.3 P-256
  'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s', // RFC 7517 A.2 P-256
  'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs', // RFC 7517 A.2 RSA
  '9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI', // RFC 7520 3.4 RSA
])
