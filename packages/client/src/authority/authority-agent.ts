import type { AgentFetch, AuthorityAgentOptions } from '../agent-fetch-options.ts'
import { untilAborted } from '../fetch/limits.ts'
import { createSignedFetch } from '../signed-fetch.ts'
import type { TokenSource } from '../tokens/agent-token.ts'
import { clientCredentials, tokenExchange } from '../tokens/grant-types.ts'
import { askPeople } from './ask-people.ts'
import { type AuthorityContext, createKey } from './authority-context.ts'
import { type AuthorityRules, readAuthorityOptions } from './authority-options.ts'
import { enrol } from './enrol.ts'
import type { IdentityKey } from './identity-store.ts'
import { createKeyKeeper, type KeyKeeper } from './key-keeper.ts'
import { rotate } from './rotate.ts'

/** An agent that an authority knows. */
export interface AuthorityAgent {
  /** As `createAgentFetch` has it. The first request enrols. */
  readonly fetch: AgentFetch
  /** Enrols, unless that is done, and answers with the id of the key that signs. @throws AgentFetchError */
  readonly ready: () => Promise<string>
  /** Looks at the key now, and replaces it if it is time. By itself it does so with requests, every `checkEverySeconds`. @throws AgentFetchError */
  readonly checkKey: () => Promise<void>
  /** Replaces the key now, and answers with the id of the new one. @throws AgentFetchError */
  readonly rotateKey: () => Promise<string>
  /** Tokens of the authority by the key that signs, for other clients; without `authority.tokens` it throws. @throws AgentFetchError */
  readonly token: TokenSource
}

/** What is made for one key: tokens are bound to it, so none of them outlives it here. */
interface Bound {
  readonly key: IdentityKey
  readonly fetch: AgentFetch
  readonly token: TokenSource | undefined
}

/**
 * Creates an agent that enrols at its authority, replaces its key before that is refused, gets tokens, and asks people.
 * An agent that may send nothing for weeks calls `checkKey` from a timer.
 * @throws Misconfigured
 */
export function createAuthorityAgent(options: AuthorityAgentOptions): AuthorityAgent {
  const rules = readAuthorityOptions(options)
  const { context, enrolment } = rules
  // What is wrong with the settings is told now, not when the first key is there.
  bind(createKey({ algorithm: 'ed25519', clock: context.clock }), options, rules, () => undefined)
  let bound: Bound | undefined
  let enrolling: Promise<Bound> | undefined
  const use = (key: IdentityKey): Bound => {
    if (bound?.key.keyId !== key.keyId) bound = bind(key, options, rules, () => bound?.key)
    return bound
  }
  const keeper = createKeyKeeper(context, { ...rules, use })
  const ready = (): Promise<Bound> => {
    if (bound !== undefined) return Promise.resolve(bound)
    enrolling ??= enrol(context, enrolment)
      .then(use)
      .finally(() => {
        enrolling = undefined
      })
    return enrolling
  }
  return assemble({ ready, use, keeper, context })
}

interface Parts {
  readonly ready: () => Promise<Bound>
  readonly use: (key: IdentityKey) => Bound
  readonly keeper: KeyKeeper
  readonly context: AuthorityContext
}

function assemble({ ready, use, keeper, context }: Parts): AuthorityAgent {
  return {
    fetch: async (input, init) => {
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined)
      const { key } = await untilAborted(ready(), signal)
      await untilAborted(keeper.checkIfDue(key), signal)
      const { fetch } = await ready()
      return fetch(input, init)
    },
    ready: async () => (await ready()).key.keyId,
    checkKey: async () => keeper.check((await ready()).key),
    rotateKey: async () => use(await rotate(context, (await ready()).key.keyId, 'asked')).key.keyId,
    token: async (request) => {
      const { token } = await ready()
      if (token === undefined) throw new TypeError('authority.tokens must say what tokens are asked for')
      return token(request)
    },
  }
}

function bind(
  key: IdentityKey,
  { authority: _, ...settings }: AuthorityAgentOptions,
  rules: AuthorityRules,
  current: () => IdentityKey | undefined,
): Bound {
  const identity = { key: key.privateKey, keyId: key.keyId }
  const token = rules.tokens === undefined ? undefined : createSource(key, settings, rules)
  const { base, approvals, context } = rules
  const approve =
    approvals === undefined ? undefined : askPeople(context, { ...approvals, base, key: () => current() ?? key })
  const fetch = createSignedFetch({
    ...settings,
    ...identity,
    ...(token === undefined ? {} : { token }),
    ...(approve === undefined ? {} : { approve }),
  })
  return { key, fetch, token }
}

/** For the agent itself, or in exchange for a user's token. */
function createSource(
  { privateKey, keyId }: IdentityKey,
  { agentId, dpop, fetch, clock }: Omit<AuthorityAgentOptions, 'authority'>,
  { base, tokens = {}, timeoutSeconds, allowLoopbackHttp }: AuthorityRules,
): TokenSource {
  const { issuer = base, resource = (origin) => origin, subjectToken, subjectTokenType, ...scope } = tokens
  const server = {
    ...{ tokenEndpoint: `${issuer}/token`, issuer, clientId: agentId, key: privateKey, keyId },
    ...{ resource, ...scope, timeoutSeconds, allowLoopbackHttp },
    ...(dpop === undefined ? {} : { dpop }),
    ...(fetch === undefined ? {} : { fetch }),
    ...(clock === undefined ? {} : { clock }),
  }
  if (subjectToken === undefined) return clientCredentials(server)
  return tokenExchange({ ...server, subjectToken, ...(subjectTokenType === undefined ? {} : { subjectTokenType }) })
}
