const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])

/** Whether a text is an https URL, or one of this machine where that is allowed, without credentials and fragment. */
export function isSecureUrl(text: unknown, allowLoopbackHttp: boolean): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname, username, password, hash } = new URL(text)
  const isLocal = allowLoopbackHttp && protocol === 'http:' && LOOPBACK.has(hostname)
  return (protocol === 'https:' || isLocal) && username === '' && password === '' && hash === ''
}
