/** A capability of a block: a scope and what limits it. */
export interface BlockCapability {
  readonly scope: string
  readonly constraints: Readonly<Record<string, unknown>>
}

/** What an agent may do, as its owner wrote it down. */
export interface CapabilityBlock {
  readonly agentId: string
  readonly capabilities: readonly BlockCapability[]
  /** Limits of everything that the agent does. */
  readonly constraints: Readonly<Record<string, unknown>>
}
