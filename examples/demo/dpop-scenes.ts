import { rawRequest, sendRaw } from '@countermark/testing'
import { type ProofInput, proveByDpop } from './dpop-prover.ts'
import { outcomeOf, rawOutcome, type Scene } from './scene.ts'
import { atBoth, grantTo, type Service, urlAt } from './service.ts'
import type { World } from './world.ts'

/** A token that is good for reviews, bound to the assistant's key as DPoP binds it. */
function mint({ issuer, assistant }: World, service: Service): Promise<string> {
  return issuer.mint({ ...grantTo(assistant, service, 'reviews:write'), cnf: { jkt: assistant.thumbprint } })
}

function post(url: string, token: string, proof?: string): Promise<Response> {
  const headers = { Authorization: `DPoP ${token}`, ...(proof === undefined ? {} : { DPoP: proof }) }
  return fetch(url, { method: 'POST', headers })
}

/** A token, a URL that takes it, and a nonce of the service: all that a good proof is made of. */
async function prepare(service: Service, world: World): Promise<ProofInput & { readonly nonce: string }> {
  const input = { method: 'POST', url: urlAt(service, '/reviews'), token: await mint(world, service) }
  const refused = await post(input.url, input.token, await proveByDpop(world.assistant, input))
  return { ...input, nonce: refused.headers.get('dpop-nonce') ?? 'none' }
}

/** A good proof passes; what becomes of the same with other claims. */
async function withClaims(service: Service, world: World, claims: ProofInput['claims']): Promise<string> {
  const input = await prepare(service, world)
  const good = await outcomeOf(await post(input.url, input.token, await proveByDpop(world.assistant, input)))
  if (good !== '201') return `a good proof was ${good}`
  return outcomeOf(await post(input.url, input.token, await proveByDpop(world.assistant, { ...input, claims })))
}

/** Possession shown by DPoP (RFC 9449): requests that are not signed. */
export const DPOP_SCENES: readonly Scene[] = [
  atBoth('a proof without the service’s nonce', '401 dpop_nonce_required', async (service, world) => {
    const input = { method: 'POST', url: urlAt(service, '/reviews'), token: await mint(world, service) }
    const refused = await post(input.url, input.token, await proveByDpop(world.assistant, input))
    const nonce = refused.headers.get('dpop-nonce') ?? undefined
    const second = await post(input.url, input.token, await proveByDpop(world.assistant, { ...input, nonce }))
    return second.status === 201 ? outcomeOf(refused) : `with the nonce it was ${await outcomeOf(second)}`
  }),
  atBoth('a proof is used again', '401 replay_detected', async (service, world) => {
    const input = await prepare(service, world)
    const proof = await proveByDpop(world.assistant, input)
    const first = await outcomeOf(await post(input.url, input.token, proof))
    if (first !== '201') return `at first it was ${first}`
    const outcome = await outcomeOf(await post(input.url, input.token, proof))
    // The nonce is not what was used up.
    const next = await outcomeOf(await post(input.url, input.token, await proveByDpop(world.assistant, input)))
    return next === '201' ? outcome : `the next proof was ${next}`
  }),
  {
    backend: 'express',
    title: 'a proof is used again, at the second process',
    expected: '401 replay_detected',
    needsRedis: true,
    play: async (world) => {
      const [service] = world.services
      const { url, token, nonce } = await prepare(service, world)
      const proof = await proveByDpop(world.assistant, { method: 'POST', url, token, nonce })
      const { host, pathname } = new URL(url)
      const headers = { Host: host, Authorization: `DPoP ${token}`, DPoP: proof, 'Content-Length': '0' }
      const request = { method: 'POST', target: pathname, headerLines: Object.entries(headers), body: undefined }
      const [first, second] = world.shop.map(
        ({ port }) =>
          () =>
            sendRaw(port, rawRequest(request)),
      )
      if (first === undefined || second === undefined) return 'there is no second process'
      const outcome = rawOutcome(await first())
      return outcome === '201' ? rawOutcome(await second()) : `at first it was ${outcome}`
    },
  },
  atBoth('a proof for another place', '401 dpop_proof_invalid', (service, world) =>
    withClaims(service, world, { htu: urlAt(service, '/catalogue') }),
  ),
  atBoth('a proof for another token', '401 token_binding_mismatch', (service, world) =>
    withClaims(service, world, { ath: 'A'.repeat(43) }),
  ),
  atBoth('a stolen token with the thief’s own proof', '401 token_binding_mismatch', async (service, world) => {
    const input = await prepare(service, world)
    const good = await outcomeOf(await post(input.url, input.token, await proveByDpop(world.assistant, input)))
    if (good !== '201') return `the owner's proof was ${good}`
    return outcomeOf(await post(input.url, input.token, await proveByDpop(world.mallory, input)))
  }),
  atBoth('a stolen token that claims to be a bearer’s', '401 token_binding_mismatch', async (service, world) => {
    const input = await prepare(service, world)
    const good = await outcomeOf(await post(input.url, input.token, await proveByDpop(world.assistant, input)))
    if (good !== '201') return `with a proof it was ${good}`
    return outcomeOf(await fetch(input.url, { method: 'POST', headers: { Authorization: `Bearer ${input.token}` } }))
  }),
]
