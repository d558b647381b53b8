import { isJsonObject, type JsonObject } from '@countermark/core/internal'
import { paint, say, type Terminal, type Tone } from '../terminal.ts'

const TONES: Readonly<Record<string, Tone>> = { allow: 'good', throttle: 'warning' }

/** What a level means for an agent. */
const MEANING: Readonly<Record<string, string>> = {
  allow: 'it may do what it was granted',
  throttle: 'one request a second',
  'read-only': 'it may read, a request a second, and use safe routes',
  approval: 'what changes something needs the consent of a person',
  block: 'every request is refused',
}

/** Says where an agent stands, since when, and why, with the figures of each signal. */
export function tellStanding(terminal: Terminal, standing: JsonObject): void {
  const { agentId, level, wouldBe, score, sinceMs, heldUntilMs, evidence } = standing
  const name = String(level)
  const found = Array.isArray(evidence) ? evidence.filter(isJsonObject) : []
  say(
    terminal,
    `${paint(terminal, 'strong', String(agentId))}: ${paint(terminal, TONES[name] ?? 'bad', name)}, score ${score}, since ${timeOf(sinceMs)}`,
    `  ${MEANING[name] ?? ''}`,
    ...(heldUntilMs === undefined ? [] : [`  held by a reviewer until ${timeOf(heldUntilMs)}`]),
    ...(wouldBe === level ? [] : [`  the learned baseline asks for ${wouldBe}; it only observes`]),
    ...(found.length === 0 ? ['  nothing counts against it'] : ['  because:']),
    ...found.map(({ signal, points, sentence }) => `    ${Math.round(Number(points))} points  ${sentence} (${signal})`),
  )
}

/** A moment for people. */
export function timeOf(ms: unknown): string {
  return typeof ms === 'number' && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : 'an unknown time'
}
