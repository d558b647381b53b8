/** The one call that is used, as sodium-native has it since version 4; the package ships no types. */
declare module 'sodium-native' {
  const sodium: {
    readonly crypto_sign_verify_detached: (signature: Buffer, message: Buffer, publicKey: Buffer) => boolean
  }
  export default sodium
}
