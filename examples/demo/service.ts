import type { TestAgent } from '@countermark/testing'
import type { BackendProcess } from './processes.ts'
import { allOf, type Scene } from './scene.ts'
import type { World } from './world.ts'

/** A backend as tokens and agents know it. Both have the same routes where the scene is about tokens. */
export interface Service {
  readonly name: 'shop' | 'billing'
  readonly backend: BackendProcess
  /** What stands before its paths. */
  readonly prefix: string
  readonly audience: string
}

/** A scene that is played at the shop (Express) and at billing (Koa); both must answer the same. */
export function atBoth(
  title: string,
  expected: string,
  play: (service: Service, world: World) => Promise<string>,
): Scene {
  return {
    backend: 'both',
    title,
    expected,
    play: async (world) => {
      const outcomes = await Promise.all(world.services.map((service) => play(service, world)))
      return allOf(outcomes, expected)
    },
  }
}

/** Where something is at a service. */
export function urlAt({ backend, prefix }: Service, path: string): string {
  return backend.origin + prefix + path
}

/** What a token says when user_17 lets an agent do something at a service, and only with the agent's key. */
export function grantTo({ agentId, publicJwk }: TestAgent, { audience }: Service, scope: string) {
  return { sub: 'user_17', aud: audience, client_id: agentId, act: { sub: agentId }, cnf: { jwk: publicJwk }, scope }
}

/** The same for giving money back, within limits (RFC 9396). */
export function refundsWithin(agent: TestAgent, service: Service, constraints: object) {
  const details = [{ type: 'urn:agent-auth:capability:1', constraints }]
  return { ...grantTo(agent, service, 'refunds:create'), authorization_details: details }
}
