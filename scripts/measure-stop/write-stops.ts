import { percentile } from '../measure-authority/figures-page.ts'
import type { CutMeasured } from './cut.ts'
import type { RotationsMeasured } from './rotations.ts'
import type { StopOutcome, StopsMeasured } from './stops.ts'

const NAMES = { stream: 'server-sent events', redis: 'Redis' } as const

/** What was measured of stops, as a section of a page. */
export function writeStops(
  measured: Partial<Record<'stream' | 'redis', StopsMeasured | undefined>>,
  rotated: RotationsMeasured | undefined,
  cut: CutMeasured | undefined,
): string {
  const pushes = (['stream', 'redis'] as const).flatMap((push) => {
    const of = measured[push]
    return of === undefined ? [] : [{ push, of }]
  })
  const rows = pushes.flatMap(({ push, of: { outcomes } }) => [
    row(`${NAMES[push]}, since the answer`, outcomes, (outcome) => outcome.sinceAnswered),
    row(`${NAMES[push]}, since it was asked for`, outcomes, (outcome) => outcome.sinceAsked),
    row(`${NAMES[push]}: until the answer`, outcomes, (outcome) => outcome.answerMs),
  ])
  const loads = pushes.map(
    ({ push, of: { outcomes, others, links } }) =>
      `${NAMES[push]}: ${outcomes.length} stops of agents and keys, ${others.sent} requests of others at the same time, ${others.refused} of them refused; links at the end: ${links.join(', ')}.`,
  )
  return [
    'Four guarded processes, one authority on SQLite, all on one machine. Each stopped agent sends a request every 20 ms to each door; of those that were accepted at any door the one that was sent last counts. Milliseconds.',
    ['| | p50 | p99 | p99.9 | longest |', '|---|---|---|---|---|', ...rows].join('\n'),
    ...loads,
    ...(rotated === undefined ? [] : [writeRotations(rotated)]),
    ...(cut === undefined ? [] : [writeCut(cut)]),
  ].join('\n\n')
}

function row(name: string, outcomes: readonly StopOutcome[], pick: (outcome: StopOutcome) => number): string {
  const values = outcomes.map(pick)
  const figures = [0.5, 0.99, 0.999, 1].map((share) => percentile(values, share).toFixed(0))
  return `| ${[name, ...figures].join(' | ')} |`
}

function writeRotations({ rotations, sent, refused }: RotationsMeasured): string {
  const which = refused.length === 0 ? '' : ` (${[...new Set(refused)].join(', ')})`
  return `${rotations} rotations of keys under load: ${sent} requests, ${refused.length} refused${which}.`
}

function writeCut({ cutMs, refusedAfterMs, safe, knownAfterMs, wasLetIn }: CutMeasured): string {
  const seconds = (ms: number): string => (ms / 1000).toFixed(1)
  const after = wasLetIn ? 'let in once more' : 'not let in again'
  return `A link that was cut for ${seconds(cutMs)} s of real time, \`staleAfterSeconds: 30\`: requests that change something got 503 after ${seconds(refusedAfterMs)} s, \`GET\` got ${safe} to the end. The agent that was stopped meanwhile was ${after}, and refused by name ${seconds(knownAfterMs)} s after the link had healed.`
}
