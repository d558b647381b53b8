const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a method only reads (RFC 9110 section 9.2.1). TRACE does too, but no application needs it unsigned. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method)
}
