import type { IncomingMessage } from 'node:http'
import { createHeaderFields, type HeaderFields } from '../header-fields.ts'
import { hostFields, isFromParser } from './host-message.ts'

/** The header fields of a message as they came. */
export function sentFields(message: IncomingMessage): HeaderFields {
  if (!isFromParser(message)) return createHeaderFields(hostFields(message))
  if (message.httpVersionMajor >= 2) return createHeaderFields(joinCrumbs(message.rawHeaders))
  return completeFields(message)
}

/**
 * Beyond its own limit Node's HTTP/1 drops fields without a word, though it obeys those that frame content. Where it may
 * have, there are more of them than any guard accepts.
 */
function completeFields({ rawHeaders, socket }: IncomingMessage): HeaderFields {
  const most = 'server' in socket ? mostFieldsOf(socket.server) : 0
  return createHeaderFields(rawHeaders, most > 0 && rawHeaders.length >= 2 * most)
}

/** 0 stands for no limit, or for Node's default, which is above ours. */
function mostFieldsOf(server: unknown): number {
  const { maxHeadersCount }: { readonly maxHeadersCount?: unknown } = Object(server)
  return typeof maxHeadersCount === 'number' ? maxHeadersCount : 0
}

/** HTTP/2 may send one Cookie in several lines; everywhere else, signatures included, it is one (RFC 9113 section 8.2.3). */
function joinCrumbs(rawHeaders: readonly string[]): readonly string[] {
  let first = -1
  let joined: string[] | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const isCookie = rawHeaders[index] === 'cookie'
    if (isCookie && first < 0) first = index + 1
    else if (isCookie) {
      joined ??= rawHeaders.slice(0, index)
      joined[first] += `; ${rawHeaders[index + 1]}`
    } else joined?.push(rawHeaders[index] as string, rawHeaders[index + 1] as string)
  }
  return joined ?? rawHeaders
}
