import type { AttackKind } from './attack-kind.ts'
import type { TrafficEvent } from './events.ts'
import type { Random } from './random.ts'
import { type SecondProfile, secondEvent, skewed } from './second-traffic.ts'

type Make = AttackKind<SecondProfile>['make']

const UNKNOWN = ['users', 'config', 'export', 'internal', 'debug', 'graphql', 'backup', 'grants', 'sessions', 'hooks']

const usual = (profile: SecondProfile, atMs: number, random: Random): TrafficEvent => {
  const noun = random.pick(profile.collections)
  return { ...secondEvent(profile, atMs, 'GET', `/api/${noun}/${skewed(profile.ids, random)}`, random), status: 200 }
}

const on =
  (change: (event: TrafficEvent, at: number, profile: SecondProfile, random: Random) => Partial<TrafficEvent>): Make =>
  (profile, _, atMs, at, random) => {
    const event = usual(profile, atMs, random)
    return { ...event, ...change(event, at, profile, random) }
  }

const firstOf = ({ collections }: SecondProfile): string => collections[0] ?? 'notes'

/** The same eight classes, made in other ways. */
export const SECOND_ATTACKS: readonly AttackKind<SecondProfile>[] = [
  {
    kind: 'stolen key, bulk export',
    isFast: true,
    requests: 150,
    // Pages of a list, by turns with single records; answers are large.
    secondsBetween: 0.3,
    make: on((_, at, profile, random) => ({
      path: at % 2 === 0 ? `/api/${firstOf(profile)}` : `/api/${firstOf(profile)}/${random.below(900_000)}`,
      bytes: 20_000 + random.below(80_000),
    })),
  },
  {
    kind: 'slow exfiltration',
    isFast: false,
    requests: 300,
    secondsBetween: 120,
    make: on((_, __, profile, random) => ({ path: `/api/${firstOf(profile)}/${random.below(900_000)}` })),
  },
  {
    kind: 'credential stuffing',
    isFast: true,
    requests: 150,
    secondsBetween: 1,
    make: on((_, at) => ({ method: 'POST', path: '/api/login', status: at % 40 === 39 ? 200 : 401, scope: undefined })),
  },
  {
    kind: 'privilege probing',
    isFast: true,
    requests: 80,
    secondsBetween: 4,
    make: on((event, at, _, random) =>
      random.next() < 0.2 ? event : { path: `/api/${UNKNOWN[at % UNKNOWN.length]}`, status: at % 3 === 0 ? 404 : 403 },
    ),
  },
  {
    kind: 'refund fraud in small amounts',
    isFast: false,
    requests: 80,
    secondsBetween: 200,
    make: on((_, __, { price }, random) => ({
      method: 'POST',
      path: '/api/refunds',
      scope: 'refunds:write',
      amount: price * (0.3 + random.next()),
    })),
  },
  {
    kind: 'id walking',
    isFast: true,
    requests: 150,
    secondsBetween: 1.5,
    make: on((_, at, profile) => ({ path: `/api/${firstOf(profile)}/${40_000 + at * 2}` })),
  },
  {
    kind: 'night-time use',
    isFast: false,
    requests: 50,
    secondsBetween: 240,
    fits: ({ trade }) => trade === 'support' || trade === 'analyst',
    startsAfterHours: () => 13,
    make: on(() => ({})),
  },
  {
    kind: 'second network',
    isFast: true,
    requests: 60,
    secondsBetween: 15,
    make: on((_, __, ___, random) => (random.next() < 0.5 ? { address: '198.18.7.9' } : {})),
  },
]
