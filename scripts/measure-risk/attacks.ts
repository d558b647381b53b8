import type { AttackKind } from './attack-kind.ts'
import type { TrafficEvent } from './events.ts'
import type { Random } from './random.ts'
import { type AgentProfile, anEvent } from './traffic.ts'

/** One request: what an ordinary one would be, changed. */
const on =
  (change: (usual: TrafficEvent, at: number, profile: AgentProfile, random: Random) => TrafficEvent): Kind['make'] =>
  (profile, day, atMs, at, random) =>
    change({ ...anEvent(profile, day, atMs, random), status: 200 }, at, profile, random)

type Kind = AttackKind<AgentProfile>

const PROBED = ['admin', 'keys', 'settings', 'webhooks', 'roles', 'billing', 'audit', 'secrets', 'tokens', 'policies']
const anId = (random: Random): number => 1000 + random.below(90_000)
const firstRoute = (profile: AgentProfile): string => profile.routes[0] ?? 'orders'

/** The eight classes. All but the last come from the victim's own network, which is the harder case. */
export const FIRST_ATTACKS: readonly Kind[] = [
  {
    kind: 'stolen key, bulk export',
    isFast: true,
    requests: 200,
    secondsBetween: 0.25,
    make: on((usual, _, profile, random) => reading(usual, `/${firstRoute(profile)}/${anId(random)}`)),
  },
  {
    kind: 'slow exfiltration',
    isFast: false,
    requests: 480,
    secondsBetween: 90,
    make: on((usual, _, profile, random) => reading(usual, `/${firstRoute(profile)}/${anId(random)}`)),
  },
  {
    kind: 'credential stuffing',
    isFast: true,
    requests: 200,
    secondsBetween: 0.5,
    make: on((usual) => ({ ...reading(usual, '/sessions'), method: 'POST', status: 401 })),
  },
  {
    kind: 'privilege probing',
    isFast: true,
    requests: 60,
    secondsBetween: 2,
    make: on((usual, at) => ({ ...reading(usual, `/${PROBED[at % PROBED.length]}`), status: 403 })),
  },
  {
    kind: 'refund fraud in small amounts',
    isFast: false,
    requests: 120,
    secondsBetween: 120,
    make: on((usual, _, { meanAmount }, random) => ({
      ...usual,
      method: 'POST',
      path: '/refunds',
      status: 200,
      scope: 'refunds:create',
      amount: meanAmount * (0.5 + random.next() * 0.5),
    })),
  },
  {
    kind: 'id walking',
    isFast: true,
    requests: 200,
    secondsBetween: 1,
    make: on((usual, at, profile) => reading(usual, `/${firstRoute(profile)}/${20_000 + at}`)),
  },
  {
    kind: 'night-time use',
    isFast: false,
    requests: 60,
    secondsBetween: 180,
    fits: ({ hours }) => hours < 24,
    startsAfterHours: ({ hours }) => hours + 5,
    make: on((usual) => usual),
  },
  {
    kind: 'second network',
    isFast: true,
    requests: 60,
    secondsBetween: 10,
    // The owner goes on working: every other request is its own.
    make: on((usual, at) => (at % 2 === 0 ? { ...usual, address: '203.0.113.7' } : usual)),
  },
]

function reading(usual: TrafficEvent, path: string): TrafficEvent {
  const { amount: _, ...rest } = usual
  return { ...rest, method: 'GET', path }
}
