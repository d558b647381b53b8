/** One signal's part in the score. */
export interface Weight {
  /** Points at full strength; repetitions add up to half as much again. */
  readonly points: number
  /** In this time what it adds halves. */
  readonly halfLifeSeconds: number
  /** Signals of one family are one signal when levels ask for two. */
  readonly family: string
  /** Proof may raise an agent by any number of levels alone. @default false */
  readonly isProof?: true
  /** Compares with what the agent did before: silent in probation, and without effect while `baseline: 'observe'`. @default false */
  readonly isLearned?: true
}

const MINUTE = 60
const HOUR = 3600

/** What each signal weighs: here only. The order is that of the cells in a sketch. */
export const WEIGHTS: Readonly<Record<SignalName, Weight>> = {
  request_limit: { points: 45, halfLifeSeconds: 2 * MINUTE, family: 'velocity' },
  write_limit: { points: 45, halfLifeSeconds: 2 * MINUTE, family: 'velocity' },
  failure_limit: { points: 45, halfLifeSeconds: 10 * MINUTE, family: 'failure' },
  request_velocity: { points: 40, halfLifeSeconds: 5 * MINUTE, family: 'velocity', isLearned: true },
  request_pace: { points: 50, halfLifeSeconds: 2 * MINUTE, family: 'velocity', isLearned: true },
  request_trend: { points: 21, halfLifeSeconds: 2 * HOUR, family: 'velocity', isLearned: true },
  write_velocity: { points: 45, halfLifeSeconds: 5 * MINUTE, family: 'velocity', isLearned: true },
  amount_velocity: { points: 45, halfLifeSeconds: 30 * MINUTE, family: 'amount', isLearned: true },
  amount: { points: 35, halfLifeSeconds: 30 * MINUTE, family: 'amount', isLearned: true },
  failure_burst: { points: 40, halfLifeSeconds: 10 * MINUTE, family: 'failure', isLearned: true },
  refused_share: { points: 35, halfLifeSeconds: 15 * MINUTE, family: 'failure', isLearned: true },
  new_capability: { points: 20, halfLifeSeconds: 30 * MINUTE, family: 'novelty', isLearned: true },
  new_route: { points: 15, halfLifeSeconds: 15 * MINUTE, family: 'novelty', isLearned: true },
  new_user: { points: 15, halfLifeSeconds: 30 * MINUTE, family: 'relation', isLearned: true },
  route_order: { points: 12, halfLifeSeconds: 10 * MINUTE, family: 'novelty', isLearned: true },
  unusual_hour: { points: 20, halfLifeSeconds: HOUR, family: 'time', isLearned: true },
  unusual_day: { points: 16, halfLifeSeconds: HOUR, family: 'time', isLearned: true },
  id_walk: { points: 40, halfLifeSeconds: 15 * MINUTE, family: 'walk', isLearned: true },
  volume: { points: 40, halfLifeSeconds: 10 * MINUTE, family: 'walk', isLearned: true },
  many_resources: { points: 40, halfLifeSeconds: 30 * MINUTE, family: 'walk', isLearned: true },
  network_change: { points: 25, halfLifeSeconds: HOUR, family: 'network', isLearned: true },
  two_networks: { points: 75, halfLifeSeconds: HOUR, family: 'network', isProof: true },
  honey_scope: { points: 95, halfLifeSeconds: 24 * HOUR, family: 'honey', isProof: true },
}

/** The name of a signal: in metrics, events and explanations. */
export type SignalName =
  | 'request_limit'
  | 'write_limit'
  | 'failure_limit'
  | 'request_velocity'
  | 'request_pace'
  | 'request_trend'
  | 'write_velocity'
  | 'amount_velocity'
  | 'amount'
  | 'failure_burst'
  | 'refused_share'
  | 'new_capability'
  | 'new_route'
  | 'new_user'
  | 'route_order'
  | 'unusual_hour'
  | 'unusual_day'
  | 'id_walk'
  | 'volume'
  | 'many_resources'
  | 'network_change'
  | 'two_networks'
  | 'honey_scope'

/** All signals, in the order of their cells. */
export const SIGNAL_NAMES: readonly SignalName[] = Object.keys(WEIGHTS) as SignalName[]

/** The same weights by place. */
export const WEIGHT_AT: readonly Weight[] = Object.values(WEIGHTS)
