import { Misconfigured } from './misconfigured.ts'

/** What a framework hands to middleware: a message of Node (Express), or a context that holds one (Koa). */
export function isFrameworkCall(first: unknown): boolean {
  if (typeof first !== 'object' || first === null) return false
  return isMessage(first) || ('req' in first && 'res' in first && isMessage(first.req))
}

function isMessage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'rawHeaders' in value && 'headers' in value
}

/** The error for something that a framework called although it is no middleware. */
export function mountedWrongly(what: string, fix: string): Misconfigured {
  return new Misconfigured('ERR_OPTION_INVALID', `${what} is not middleware by itself; write ${fix}`)
}
