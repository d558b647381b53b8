import type { UnderlyingInit } from './agent-fetch-options.ts'

/** The global `fetch`, looked up for every request: instrumentation and tests replace it later. */
export const globalFetch = (input: string | Request, init: UnderlyingInit): Promise<Response> =>
  globalThis.fetch(input, init)
