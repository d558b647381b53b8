import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AgentRequest } from '@countermark/core'

/** Cookies of this room: of one browser, of one person. */
export type CookieName = 'browser' | 'session'

/** Reads and writes cookies, for one issuer. */
export interface Cookies {
  readonly find: (request: AgentRequest, name: CookieName) => string | undefined
  /** The value of `Set-Cookie`; ends with the browser when `maxAgeSeconds` is 0. */
  readonly write: (name: CookieName, value: string, maxAgeSeconds: number) => string
}

const VALUE = /^[A-Za-z0-9_-]{22,64}$/

/**
 * Makes the cookies of an issuer: for it alone, unseen by scripts, and not sent with what other sites post. With https they carry
 * the `__Host-` prefix where the issuer has no path, so that no other host can set them.
 */
export function createCookies(issuer: string): Cookies {
  const { protocol, pathname } = new URL(issuer)
  const isSecure = protocol === 'https:'
  const path = pathname === '/' ? '/' : pathname
  const prefix = !isSecure ? '' : path === '/' ? '__Host-' : '__Secure-'
  const nameOf = (name: CookieName): string => `${prefix}countermark_${name}`
  return {
    find: ({ headers }, name) => {
      const pairs = headers.lines('cookie').join('; ').split(/; */)
      const values = pairs
        .filter((pair) => pair.startsWith(`${nameOf(name)}=`))
        .map((pair) => pair.slice(nameOf(name).length + 1))
      const [value, ...more] = values
      return value !== undefined && more.length === 0 && VALUE.test(value) ? value : undefined
    },
    write: (name, value, maxAgeSeconds) =>
      [
        `${nameOf(name)}=${value}`,
        `Path=${path}`,
        `Max-Age=${maxAgeSeconds}`,
        'HttpOnly',
        'SameSite=Lax',
        ...(isSecure ? ['Secure'] : []),
      ].join('; '),
  }
}

/** A secret that cannot be guessed. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** What is kept of a secret. */
export function hashOfSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** Proves that a form was ours: made of the session and of what the form is about, and known to no other site. */
export function csrfToken(session: string, about: string): string {
  return hash('sha256', `countermark form ${about} ${session}`, 'base64url')
}

/** Whether a form carries its token. */
export function isOurForm(given: string | undefined, session: string, about: string): boolean {
  const expected = Buffer.from(csrfToken(session, about))
  const sent = Buffer.from(given ?? '')
  return sent.length === expected.length && timingSafeEqual(sent, expected)
}

/** Whether a post comes from a page of ours. Browsers say where a form was; what says nothing is no browser. */
export function isSameOrigin({ headers }: AgentRequest, issuer: string): boolean {
  const { origin } = new URL(issuer)
  const [stated, site] = [headers.only('origin'), headers.only('sec-fetch-site')]
  if (stated !== undefined && stated !== 'null') return stated === origin
  return site === 'same-origin'
}
