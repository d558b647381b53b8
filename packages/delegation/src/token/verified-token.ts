import type { AgentFact, DelegationFact } from '@countermark/core'
import type { Actor, IpNetworks } from '@countermark/core/internal'
import type { Confirmation } from '../binding/confirmation.ts'
import type { IssuerSettings } from '../issuers/issuer-options.ts'
import type { IssuerKey, IssuerKeyQuery } from '../issuers/key-set.ts'
import type { Revocable } from '../revocation/revocations.ts'
import type { StatusReference } from '../revocation/status-list.ts'
import type { TokenTimes } from './claims.ts'

/**
 * A token that verified, with all that does not change from request to request. What does change is asked for each time: the
 * time, whose request it is, whether something was revoked, whether the issuer still has the key.
 */
export interface VerifiedToken {
  readonly issuer: IssuerSettings
  readonly key: IssuerKey
  readonly keyQuery: IssuerKeyQuery
  /** What the token says. */
  readonly delegation: DelegationFact
  /** Of every link: all of them must be in their time. */
  readonly times: readonly TokenTimes[]
  /** How the caller proves possession. */
  readonly binding: Confirmation
  /** Our name of the agent that acts; `undefined` when the issuer's names are not ours. */
  readonly agentId: string | undefined
  /** Who must be known, the acting agent first. */
  readonly actors: readonly ChainActor[]
  /** Whether an agent, and not the issuer, says who acts with which key. */
  readonly isHandedOn: boolean
  readonly revocables: readonly Revocable[]
  readonly status: StatusReference | undefined
  /** `restrictip`: the token counts only from these networks. */
  readonly networks: IpNetworks | undefined
}

/** An actor and what we call it. */
export interface ChainActor {
  readonly actor: Actor
  readonly agentId: string | undefined
  /** The key it acts with, where the token or a link says so. */
  readonly thumbprint: string | undefined
}

/** What is known once a token is accepted. */
export interface DelegationFacts {
  /** Who acts. */
  readonly agent: AgentFact
  /** For whom, and how far. */
  readonly delegation: DelegationFact
}
