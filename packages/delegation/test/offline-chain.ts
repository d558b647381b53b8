import { hash, sign } from 'node:crypto'
import { createFakeClock, type FakeClock } from '@countermark/testing'
import { type DelegateOfflineOptions, delegateOffline, type VerifyDelegationOptions } from '../src/index.ts'
import { createDpopProver, type DpopProver } from './dpop-prover.ts'
import { type OneIssuer, useOneIssuer } from './one-issuer.ts'
import { createTokenCaller, signedBy, type TokenCaller } from './token-call.ts'
import { type Members, NOW } from './token-issuer.ts'

type Answer = ReturnType<TokenCaller['call']>
type Changes = Partial<DelegateOfflineOptions>
type Signer = readonly [agentId: string, key: DpopProver]

/** Agents that hand on among themselves what a user gave one of them. */
export interface OfflineChain {
  readonly issuer: OneIssuer['issuer']
  readonly clock: FakeClock
  readonly buyer: DpopProver
  readonly worker: DpopProver
  readonly helper: DpopProver
  /** The user's token for agt_buyer, bound to its key; it may be handed on twice. */
  readonly mint: (claims?: Members) => Promise<string>
  /** agt_buyer hands its token on to agt_worker. */
  readonly handOn: (changes?: Changes) => Promise<string>
  /** agt_worker hands on to agt_helper what it got. */
  readonly handOnAgain: (changes?: Changes) => Promise<string>
  /** Presents what agt_worker got, unless another agent is named. */
  readonly ask: (token: string, signer?: Signer, options?: Partial<VerifyDelegationOptions>) => Answer
  readonly codeOf: (token: string, signer?: Signer, options?: Partial<VerifyDelegationOptions>) => Promise<string>
  /** A link as an agent writes it that keeps to no rule. */
  readonly forge: (claims: Members, header?: Members, key?: DpopProver, parent?: string) => Promise<string>
}

/** Creates the agents and an issuer for all tests of a file. */
export function useOfflineChain(): OfflineChain {
  const { issuer } = useOneIssuer()
  const clock = createFakeClock()
  const [buyer, worker, helper] = [createDpopProver(), createDpopProver(), createDpopProver('P-256')]
  const mint: OfflineChain['mint'] = (claims = {}) =>
    issuer().mint({ cnf: { jwk: buyer.jwk }, max_depth: 2, ...claims })
  const handOn: OfflineChain['handOn'] = async (changes = {}) =>
    delegateOffline({
      token: changes.token ?? (await mint()),
      key: buyer.privateKey,
      to: { agentId: 'agt_worker', key: worker.jwk },
      scopes: ['orders:read'],
      clock,
      ...changes,
    })
  const ask: OfflineChain['ask'] = (token, signer = ['agt_worker', worker], options = {}) => {
    const caller = createTokenCaller([issuer()], { offline: {}, requirePoP: true, ...options })
    return caller.call({ token, facts: signedBy(signer[0], signer[1].thumbprint) })
  }
  return {
    ...{ issuer, clock, buyer, worker, helper, mint, handOn, ask },
    handOnAgain: async (changes = {}) => {
      const token = changes.token ?? (await handOn({ maxDepth: 1 }))
      return handOn({ key: worker.privateKey, to: { agentId: 'agt_helper', key: helper.jwk }, ...changes, token })
    },
    codeOf: async (token, signer, options) => {
      const result = await ask(token, signer, options)
      return typeof result === 'string' ? result : 'accepted'
    },
    forge: async (claims, header = {}, key = buyer, parent = undefined) => {
      const token = parent ?? (await mint())
      const honest = honestLink(token, worker)
      const kid = buyer.thumbprint
      const parts = [
        { typ: 'delegation-link+jwt', alg: 'EdDSA', kid, ...header },
        { ...honest, ...claims },
      ]
      const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
      return `${token}~${input}.${sign(null, Buffer.from(input), key.privateKey).toString('base64url')}`
    },
  }
}

function honestLink(token: string, receiver: DpopProver): Members {
  return {
    iss: 'agt_buyer',
    sub: 'agt_worker',
    cnf: { jwk: receiver.jwk },
    prv: hash('sha256', token, 'base64url'),
    scope: 'orders:read',
    iat: NOW,
    exp: NOW + 60,
    jti: 'link_1',
  }
}
