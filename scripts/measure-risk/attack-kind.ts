import type { Attack, TrafficEvent } from './events.ts'
import type { Random } from './random.ts'

/** One class of attacks against agents of one model of traffic. */
export interface AttackKind<Profile> {
  readonly kind: string
  readonly isFast: boolean
  readonly requests: number
  readonly secondsBetween: number
  /** Which agents it can be made against. @default all */
  readonly fits?: (profile: Profile) => boolean
  /** Hours after the victim's working day began. @default 3 */
  readonly startsAfterHours?: (profile: Profile) => number
  /** One request. */
  readonly make: (profile: Profile, day: number, atMs: number, at: number, random: Random) => TrafficEvent
}

/** When an agent's day begins, as Unix milliseconds. */
export type DayBegins<Profile> = (profile: Profile, day: number) => number

/** Attacks each agent once, class by class, on one day. */
export function drawAttacks<Profile>(
  kinds: readonly AttackKind<Profile>[],
  profiles: readonly Profile[],
  day: number,
  dayBegins: DayBegins<Profile>,
  random: Random,
): Attack[] {
  const left = [...profiles]
  const attacks: Attack[] = []
  for (let turn = 0; left.length > 0 && turn < profiles.length * 2; turn++) {
    const kind = kinds[turn % kinds.length]
    const place = left.findIndex((profile) => kind?.fits?.(profile) ?? true)
    const [profile] = place === -1 ? [] : left.splice(place, 1)
    if (kind === undefined || profile === undefined) continue
    let atMs = dayBegins(profile, day) + (kind.startsAfterHours?.(profile) ?? 3) * 3_600_000
    const number = attacks.length
    const events = Array.from({ length: kind.requests }, (_, at) => {
      atMs += random.wait(kind.secondsBetween * 1000)
      return { ...kind.make(profile, day, atMs, at, random), attack: number }
    })
    attacks.push({ number, kind: kind.kind, isFast: kind.isFast, events })
  }
  return attacks
}
