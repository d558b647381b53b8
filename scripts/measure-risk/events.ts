/** One request of simulated or logged traffic. */
export interface TrafficEvent {
  /** Unix milliseconds. */
  readonly atMs: number
  readonly agentId: string
  readonly method: string
  readonly path: string
  /** How it ends when nothing stops it. */
  readonly status: number
  readonly address: string
  /** For whom the agent acts. @default none */
  readonly user?: string
  /** What it uses. @default none */
  readonly scope?: string | undefined
  /** What it is about, in money. @default none */
  readonly amount?: number
  /** Size of the answer. @default not known */
  readonly bytes?: number
  /** The attack that it is part of. @default none: benign */
  readonly attack?: number
}

/** One attack: all its requests carry its number. */
export interface Attack {
  readonly number: number
  readonly kind: string
  /** Judged within 20 requests at 0.1 % false throttles; a slow one over all its requests at 1 %. */
  readonly isFast: boolean
  readonly events: readonly TrafficEvent[]
}

/** Puts traffic in order of time. */
export function inOrder(...parts: readonly (readonly TrafficEvent[])[]): TrafficEvent[] {
  return parts.flat().sort((a, b) => a.atMs - b.atMs)
}
