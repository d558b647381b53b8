import { type AgentFetchOptions, createAgentFetch, type UnderlyingFetch } from '@countermark/client'
import type { DescribedRequest } from './request-arguments.ts'

/** The header fields that an agent fetch sends, in order. */
export type SignedHeaders = readonly (readonly [name: string, value: string])[]

/** Signs a request and sends nothing: what the fetch underneath would have been given. */
export async function signOnly(identity: AgentFetchOptions, request: DescribedRequest): Promise<SignedHeaders> {
  let headers: SignedHeaders = []
  const keep: UnderlyingFetch = (_url, init) => {
    headers = init.headers
    return Promise.resolve(new Response(null, { status: 204 }))
  }
  await createAgentFetch({ ...identity, fetch: keep })(request.url, toInit(request))
  return headers
}

/** A described request as `fetch` takes it. */
export function toInit({ method, headers, body }: DescribedRequest): RequestInit {
  return {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  }
}
