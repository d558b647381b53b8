import { type AgentRequest, type Facts, type HeaderField, isRefusal, type ProofFact } from '@countermark/core'
import { nodeVerifier } from '@countermark/core/internal'
import {
  aRequest,
  createFakeClock,
  createTestEnvironment,
  type FakeClock,
  type TestEnvironment,
} from '@countermark/testing'
import { type DelegationFacts, type VerifyDelegationOptions, verifyDelegation } from '../src/index.ts'
import { AUDIENCE, type TestIssuer } from './token-issuer.ts'

/** A verifier and the environment it is called in. */
export interface TokenCaller {
  readonly clock: FakeClock
  readonly environment: TestEnvironment
  /** What the check answers, as it answers: a promise or not. */
  readonly answer: (call: CallInput) => DelegationFacts | Promise<DelegationFacts>
  /** The facts, or the code of the refusal. */
  readonly call: (call: CallInput) => Promise<DelegationFacts | string>
  /** The code of the refusal; `accepted` when there is none. */
  readonly codeOf: (call: CallInput) => Promise<string>
  /** What a refused caller is told. */
  readonly refuse: (call: CallInput) => Promise<Told>
}

/** The challenges of a refusal. */
export interface Told {
  readonly challenges: readonly string[]
  /** `DPoP-Nonce`. */
  readonly nonce: string | undefined
}

/** One request with a token. */
export interface CallInput {
  readonly token?: string
  /** @default 'Bearer' */
  readonly scheme?: string
  readonly headers?: readonly HeaderField[]
  readonly request?: Partial<Parameters<typeof aRequest>[0]>
  /** What earlier checks established. */
  readonly facts?: Partial<Facts>
}

/** A verifier that asks for no proof of possession and trusts one issuer, unless it is told otherwise. */
export function createTokenCaller(
  issuers: readonly TestIssuer[],
  changes: Partial<VerifyDelegationOptions> = {},
): TokenCaller {
  const clock = createFakeClock()
  const environment = createTestEnvironment({ clock, verifier: nodeVerifier })
  const options = { issuers: issuers.map((issuer) => issuer.options()), audience: AUDIENCE, requirePoP: false }
  const check = verifyDelegation({ ...options, ...changes })
  const answer = (input: CallInput): DelegationFacts | Promise<DelegationFacts> =>
    check(toRequest(input), input.facts ?? {}, environment)
  const call = async (input: CallInput): Promise<DelegationFacts | string> => {
    try {
      return await answer(input)
    } catch (error) {
      if (!isRefusal(error)) throw error
      return error.code
    }
  }
  const refuse = async (input: CallInput): Promise<Told> => {
    try {
      await answer(input)
    } catch (refusal) {
      if (!isRefusal(refusal)) throw refusal
      const context = { refusal, request: toRequest(input), environment, nonce: undefined }
      const fields = check.description?.challenge?.(context) ?? []
      const challenges = fields.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value)
      return { challenges, nonce: fields.find(([name]) => name === 'DPoP-Nonce')?.[1] }
    }
    throw new Error('the request was not refused')
  }
  return {
    clock,
    environment,
    refuse,
    answer,
    call,
    codeOf: async (input) => {
      const result = await call(input)
      return typeof result === 'string' ? result : 'accepted'
    },
  }
}

/** What `verifySignature` adds for an agent that signed and covered everything. */
export function signedBy(agentId: string, thumbprint: string, changes: Partial<ProofFact> = {}): Partial<Facts> {
  const record = { id: agentId, state: 'active' } as const
  const proof: ProofFact = {
    scheme: 'httpsig',
    keyId: thumbprint,
    thumbprint,
    algorithm: 'ed25519',
    created: 0,
    acceptUntil: 0,
    nonce: undefined,
    baseHash: '',
    label: 'sig1',
    tag: 'agent-auth',
    signed: { base: new Uint8Array(), signature: new Uint8Array() },
    covers: () => true,
    ...changes,
  }
  return { agent: { id: agentId, level: 'signed', scheme: proof.scheme, record }, proof }
}

function toRequest({ token, scheme = 'Bearer', headers = [], request = {} }: CallInput): AgentRequest {
  const authorization: readonly HeaderField[] = token === undefined ? [] : [['Authorization', `${scheme} ${token}`]]
  return aRequest({ url: 'https://api.example.com/orders', ...request, headerLines: [...authorization, ...headers] })
}
