import type { Attack, TrafficEvent } from './events.ts'
import type { Random } from './random.ts'
import { type AgentProfile, anEvent } from './traffic.ts'

interface AttackKind {
  readonly kind: string
  readonly isFast: boolean
  readonly requests: number
  readonly secondsBetween: number
  /** Which agents it can be made against. @default all */
  readonly fits?: (profile: AgentProfile) => boolean
  /** Hours after the victim's working day began. @default 3 */
  readonly startsAfterHours?: (profile: AgentProfile) => number
  /** One request: what an ordinary one would be, changed. */
  readonly make: (usual: TrafficEvent, at: number, profile: AgentProfile, random: Random) => TrafficEvent
}

const PROBED = ['admin', 'keys', 'settings', 'webhooks', 'roles', 'billing', 'audit', 'secrets', 'tokens', 'policies']
const anId = (random: Random): number => 1000 + random.below(90_000)
const firstRoute = (profile: AgentProfile): string => profile.routes[0] ?? 'orders'

/** The eight classes. All but the last come from the victim's own network, which is the harder case. */
export const ATTACK_KINDS: readonly AttackKind[] = [
  {
    kind: 'stolen key, bulk export',
    isFast: true,
    requests: 200,
    secondsBetween: 0.25,
    make: (usual, _, profile, random) => reading(usual, `/${firstRoute(profile)}/${anId(random)}`),
  },
  {
    kind: 'slow exfiltration',
    isFast: false,
    requests: 480,
    secondsBetween: 90,
    make: (usual, _, profile, random) => reading(usual, `/${firstRoute(profile)}/${anId(random)}`),
  },
  {
    kind: 'credential stuffing',
    isFast: true,
    requests: 200,
    secondsBetween: 0.5,
    make: (usual) => ({ ...reading(usual, '/sessions'), method: 'POST', status: 401 }),
  },
  {
    kind: 'privilege probing',
    isFast: true,
    requests: 60,
    secondsBetween: 2,
    make: (usual, at) => ({ ...reading(usual, `/${PROBED[at % PROBED.length]}`), status: 403 }),
  },
  {
    kind: 'refund fraud in small amounts',
    isFast: false,
    requests: 120,
    secondsBetween: 120,
    make: (usual, _, { meanAmount }, random) => ({
      ...usual,
      method: 'POST',
      path: '/refunds',
      status: 200,
      scope: 'refunds:create',
      amount: meanAmount * (0.5 + random.next() * 0.5),
    }),
  },
  {
    kind: 'id walking',
    isFast: true,
    requests: 200,
    secondsBetween: 1,
    make: (usual, at, profile) => reading(usual, `/${firstRoute(profile)}/${20_000 + at}`),
  },
  {
    kind: 'night-time use',
    isFast: false,
    requests: 60,
    secondsBetween: 180,
    fits: ({ hours }) => hours < 24,
    startsAfterHours: ({ hours }) => hours + 5,
    make: (usual) => usual,
  },
  {
    kind: 'second network',
    isFast: true,
    requests: 60,
    secondsBetween: 10,
    // The owner goes on working: every other request is its own.
    make: (usual, at) => (at % 2 === 0 ? { ...usual, address: '203.0.113.7' } : usual),
  },
]

/** Attacks each agent once, class by class, on the day that begins at `dayMs`. */
export function drawAttacks(profiles: readonly AgentProfile[], day: number, dayMs: number, random: Random): Attack[] {
  const left = [...profiles]
  const attacks: Attack[] = []
  for (let turn = 0; left.length > 0 && turn < profiles.length * 2; turn++) {
    const kind = ATTACK_KINDS[turn % ATTACK_KINDS.length]
    const place = left.findIndex((profile) => kind?.fits?.(profile) ?? true)
    const [profile] = place === -1 ? [] : left.splice(place, 1)
    if (kind === undefined || profile === undefined) continue
    const startMs = dayMs + (profile.fromHour + (kind.startsAfterHours?.(profile) ?? 3)) * 3_600_000
    const number = attacks.length
    let atMs = startMs
    const events = Array.from({ length: kind.requests }, (_, at) => {
      atMs += random.wait(kind.secondsBetween * 1000)
      const usual = { ...anEvent(profile, day, atMs, random), status: 200 }
      return { ...kind.make(usual, at, profile, random), attack: number }
    })
    attacks.push({ number, kind: kind.kind, isFast: kind.isFast, events })
  }
  return attacks
}

function reading(usual: TrafficEvent, path: string): TrafficEvent {
  const { amount: _, ...rest } = usual
  return { ...rest, method: 'GET', path }
}
