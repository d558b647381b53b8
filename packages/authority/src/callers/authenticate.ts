import { AsyncLocalStorage } from 'node:async_hooks'
import { hash } from 'node:crypto'
import {
  type AgentKey,
  type AgentView,
  type Check,
  type Clock,
  type KeySource,
  type Observer,
  type Recorder,
  Refusal,
  type ReplayStore,
} from '@countermark/core'
import type { Guard, Origins, SourceLimit } from '@countermark/core/internal'
import { createNodeGuard } from '@countermark/core/node'
import { type IssuerOptions, verifyDelegation } from '@countermark/delegation'
import { preventReplay } from '@countermark/replay'
import { httpSignatures, verifySignature } from '@countermark/signature'
import { type Answer, type Call, headerOf } from '../http/call.ts'
import { AUTHORITY_CODES } from '../http/codes.ts'
import { AnsweredElsewhere } from '../http/problem.ts'
import type { Caller } from './caller.ts'

/** People who call with a token of their own identity provider. */
export interface PeopleOptions {
  /** Whose tokens count; tokens need not name an actor. */
  readonly issuers: readonly IssuerOptions[]
  /** Who the authority is in `aud`. */
  readonly audience: string
  /** Who the person is here. @default `sub`; with several issuers `iss#sub` */
  readonly person?: (claims: Readonly<Record<string, unknown>>) => string | undefined
}

/** What callers are recognised by. */
export interface AuthenticationOptions {
  readonly origins: Origins
  /** Keys of agents that may call. */
  readonly keys: KeySource
  readonly people: PeopleOptions | undefined
  readonly replayStore: ReplayStore
  readonly recorder: Recorder
  readonly observers: readonly Observer[]
  readonly clock: Clock
  readonly trustedProxies: readonly string[]
  readonly sourceLimit: SourceLimit | 'off' | undefined
}

/** Finds out who calls. What does not hold is thrown as the guard answers it. */
export interface Authentication {
  /** By the signature of a registered agent, or by a person's token. */
  readonly findCaller: (call: Call) => Promise<Caller>
  /** Requires that the request is signed by this key. Answers with the agent that the signature names, if it names one. */
  readonly requireSignedBy: (call: Call, key: AgentKey) => Promise<string | undefined>
}

/** Creates it from our own guard. */
export function createAuthentication(options: AuthenticationOptions): Authentication {
  const { keys, people, replayStore, recorder, observers, clock, origins, trustedProxies, sourceLimit } = options
  const bodies = new WeakMap<object, Uint8Array>()
  const proposed = new AsyncLocalStorage<AgentKey>()
  const node = createNodeGuard({
    ...{ origins, recorder, observers, clock, trustedProxies, refusals: AUTHORITY_CODES, errorDetail: 'full' },
    ...(sourceLimit === undefined ? {} : { sourceLimit }),
    rawBody: (message) => bodies.get(message),
  })
  const signedBy = (source: KeySource): Guard =>
    node.compose({}, [
      verifySignature({ keys: source, accept: [httpSignatures()] }),
      preventReplay({ store: replayStore }),
    ] as readonly Check[])
  const signed = signedBy(keys)
  const proving = signedBy(proposedKey(proposed))
  const bearer = people === undefined ? undefined : node.compose({ minimumLevel: 'bearer' }, [peopleCheck(people)])

  const judge = async (guard: Guard, call: Call): Promise<AgentView> => {
    const { message, originalUrl, template, params, body } = call
    bodies.set(message, body)
    const verdict = await node.judge(guard, { message, originalUrl, route: () => ({ template, parameters: params }) })
    if (verdict.outcome === 'deny') throw new AnsweredElsewhere(toAnswer(verdict.reply))
    if (verdict.agent === undefined) throw new Refusal('credentials_missing', 'the request names no caller')
    return verdict.agent
  }
  return {
    findCaller: async (call) => {
      if (bearer !== undefined && people !== undefined && isBearer(call)) {
        return personOf(await judge(bearer, call), people)
      }
      const { id, thumbprint } = await judge(signed, call)
      return { name: `agent:${id}`, kind: 'agent', id, thumbprint }
    },
    requireSignedBy: async (call, key) => {
      const { id } = await proposed.run(key, () => judge(proving, call))
      return id === key.agent.id ? undefined : id
    },
  }
}

/** A signature is the stronger one, so it decides where both are there. */
function isBearer(call: Call): boolean {
  return headerOf(call, 'signature-input') === undefined && /^Bearer /i.test(headerOf(call, 'authorization') ?? '')
}

/** The key that the request itself brings along; a signature by it proves that the sender has it. */
function proposedKey(proposed: AsyncLocalStorage<AgentKey>): KeySource {
  return {
    name: 'proposed',
    findKeys: ({ agentId }) => {
      const key = proposed.getStore()
      if (key === undefined) return []
      return agentId === undefined ? [key] : [{ ...key, agent: { id: agentId, state: 'active' } }]
    },
  }
}

function peopleCheck({ issuers, audience }: PeopleOptions): Check {
  const trusted = issuers.map((issuer) => ({ actor: 'optional' as const, agentIds: nameOfPerson, ...issuer }))
  return verifyDelegation({ issuers: trusted, audience, requirePoP: false, tokenFrom: 'authorization' }) as Check
}

/** A subject may hold what ids of agents cannot. */
function nameOfPerson({ id, issuer }: { readonly id: string; readonly issuer: string | undefined }): string {
  return `person/${hash('sha256', `${issuer ?? ''} ${id}`, 'base64url')}`
}

function personOf({ delegation }: AgentView, { issuers, person }: PeopleOptions): Caller {
  if (delegation === undefined || delegation.priorActors.length > 0 || delegation.claims['act'] !== undefined) {
    throw new Refusal('actor_unauthorized', 'the token of a person must not name an agent that acts for them')
  }
  const { issuer, subject, claims } = delegation
  const id = person === undefined ? (issuers.length === 1 ? subject : `${issuer}#${subject}`) : person(claims)
  if (id === undefined || id === '') throw new Refusal('actor_unauthorized', 'the token names no person who is known')
  return { name: `person:${id}`, kind: 'person', id, thumbprint: undefined }
}

function toAnswer({
  status,
  headers,
  body,
}: {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}): Answer {
  const fields: Record<string, string | readonly string[]> = {}
  for (const [name, value] of headers) {
    const known = fields[name]
    fields[name] = known === undefined ? value : [known, value].flat()
  }
  return { status, headers: fields, body }
}
