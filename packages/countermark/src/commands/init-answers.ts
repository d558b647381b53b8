/** What an application is made with. */
export type Framework = 'express' | 'koa'

/** What init has to know. */
export interface Answers {
  readonly framework: Framework
  readonly origin: string
  readonly agent: string
}

/** What is wrong with an origin; `undefined` when nothing is. */
export function faultOfOrigin(origin: string | undefined): string | undefined {
  const url = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined
  if (url !== undefined && url.origin === origin && url.protocol.startsWith('http')) return undefined
  return 'an origin is scheme, host and port, such as http://localhost:3000'
}
