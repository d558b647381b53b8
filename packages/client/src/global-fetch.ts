import type { UnderlyingFetch } from './agent-fetch-options.ts'

/** The global `fetch`, looked up for every request: instrumentation and tests replace it later. */
export const globalFetch: UnderlyingFetch = (url, init) => globalThis.fetch(url, init)
