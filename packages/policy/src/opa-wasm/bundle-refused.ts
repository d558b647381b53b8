/** A bundle that is not used. The one before, if there is one, decides on. */
export class BundleRefused extends Error {
  /** Tells this error apart. */
  override readonly name = 'BundleRefused'

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}
