import type { IssuerSettings } from '@countermark/delegation/internal'

/** An organisation that a tenant believes, for one agent of the tenant. */
export interface BelievedOrganisation {
  /** Equal for equal settings: what was made of them may be kept. */
  readonly version: string
  readonly settings: IssuerSettings
  readonly mayAct: 'stated' | 'any-agent'
  /** Most that its word may bring. */
  readonly ceiling: readonly string[]
  /** Services that it may bring tokens for; `undefined`: every one that is known. */
  readonly resources: readonly string[] | undefined
}

/** Organisations that were added at run time, each by a tenant for its own agents. */
export interface Organisations {
  /** The organisation of an issuer, if the tenant of the agent believes it, and lets this agent act on its word. */
  readonly find: (issuer: string, agentId: string) => Promise<BelievedOrganisation | undefined>
  /** Every issuer that some tenant believes. */
  readonly listIssuers: () => Promise<readonly string[]>
}

/** Where no tenant adds any. */
export const NO_ORGANISATIONS: Organisations = { find: async () => undefined, listIssuers: async () => [] }
