import type { IncomingMessage } from 'node:http'

/**
 * Whether Node's own parser made a message, over any connection. Serverless adapters and mocks make their own: nothing
 * holds their content to its length, `complete` is a word, and fields may be numbers, lists or missing.
 */
export function isFromParser(message: IncomingMessage): boolean {
  const { socket }: { readonly socket?: object } = message
  return message.httpVersionMajor >= 2 || (socket !== undefined && socket !== null && 'server' in socket)
}

/** The field lines of a message that no parser made: as many as its host kept, as text. */
export function hostFields({ rawHeaders, headers }: Partial<IncomingMessage>): readonly string[] {
  if (rawHeaders !== undefined && rawHeaders.length > 0) return rawHeaders.map(String)
  const lines: string[] = []
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value === undefined) continue
    for (const line of Array.isArray(value) ? value : [value]) lines.push(name, String(line))
  }
  return lines
}

/** `undefined` where a message is no stream at all. */
interface StreamState {
  /** The last chunk was pushed, read or not. Node tells only of what was read (`readableEnded`). */
  readonly ended?: boolean
}

/** Whether all content is here, and a reader will find it without waiting. */
export function hasEnded(message: IncomingMessage & { readonly _readableState?: StreamState }): boolean {
  return message._readableState?.ended === true
}

/** Whether content can be read from a message: mocks such as those of node-mocks-http only look like one. */
export function isStream(message: IncomingMessage & { readonly _readableState?: StreamState }): boolean {
  return message._readableState !== undefined && typeof message.read === 'function'
}

/**
 * Waits until a host has done what it does once an application waits for something: some call the message read then, and parsers
 * behind the guard would believe it.
 */
export async function whenReadable(message: IncomingMessage): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  if (isStream(message) && !message.destroyed && !message.readableEnded) message.readable = true
}

/** What a host is called, for whom a message is about it; `undefined` for hosts that nothing tells apart. */
export function nameHost(message: object): string | undefined {
  return HOSTS.find(({ sign }) => sign in message)?.name
}

const HOSTS: readonly { readonly sign: string; readonly name: string }[] = [
  { sign: 'isLightMyRequest', name: 'light-my-request' },
  { sign: '_setOriginalUrl', name: 'node-mocks-http' },
  { sign: 'apiGateway', name: 'serverless-http' },
]
