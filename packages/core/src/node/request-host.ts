import type { IncomingMessage } from 'node:http'
import type { FindOrigin, Origin } from '../authority.ts'
import { sentFields } from './sent-fields.ts'

/** The host a request names; '' when it names none or several, which is nobody's name. */
export function hostOf(message: IncomingMessage, hosts: readonly string[]): string {
  const pseudo = pseudoAuthority(message)
  if (pseudo === undefined) return hosts.length === 1 ? (hosts[0] as string) : ''
  return hosts.every((host) => host.toLowerCase() === pseudo.toLowerCase()) ? pseudo : ''
}

/** `:authority` of HTTP/2 (RFC 9113 section 8.3.1). It must agree with Host where both are there. */
function pseudoAuthority(message: IncomingMessage & { readonly authority?: unknown }): string | undefined {
  return message.httpVersionMajor >= 2 && typeof message.authority === 'string' ? message.authority : undefined
}

/** Which of our origins a message is addressed to, for what is answered in front of a guard; `undefined`: none of them. */
export function originOf(message: IncomingMessage, findOrigin: FindOrigin): Origin | undefined {
  return findOrigin(hostOf(message, sentFields(message).lines('host')))
}
