import { cpus, loadavg } from 'node:os'
import type { Cost } from './cost.ts'
import type { VelocityFigures } from './nab/measure.ts'
import type { Poisoning } from './poisoning.ts'
import type { Figures, Operation } from './recall.ts'

/** All that was measured in one run. */
export interface RiskRun {
  readonly seed: number
  readonly agents: number
  readonly days: number
  readonly skipped: number
  readonly commit: string
  readonly velocity: VelocityFigures | undefined
  readonly recall: Figures
  readonly poisoning: readonly Poisoning[]
  readonly cost: Cost
}

/** The figures as a page of docs/figures. */
export function writePage(run: RiskRun): string {
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, load ${Math.round(loadavg()[0] ?? 0)}`
  return [
    '# Behaviour',
    `${day}, commit ${run.commit}, seed ${run.seed}, Node ${process.version}, ${machine}. \`npm run measure:risk\`.`,
    ...recallPart(run),
    ...velocityPart(run.velocity),
    ...poisoningPart(run.poisoning),
    ...costPart(run.cost),
  ]
    .join('\n\n')
    .concat('\n')
}

function recallPart({ recall, agents, days, skipped }: RiskRun): string[] {
  const { benignRequests, loggedRequests, strict, loose, byDefault, refusedShare } = recall
  return [
    '## Attacks among benign traffic',
    `${agents} generated agents over ${days} days (daily rhythm, weekends, jobs, promotions and releases, all benign) and ${loggedRequests} requests of a web server log (${skipped} lines are none): ${benignRequests} benign requests. On the last day each agent is attacked once, with its own key. \`assessRisk\` with \`baseline: 'enforce'\` judges everything; its limits and answers refused ${percent(refusedShare)} of the benign requests by themselves.`,
    'A fast attack is found when it is answered within 20 requests, a slow one when it is answered at all. A false throttle is a benign request at the threshold or above it.',
    `| attack | pace | attacks | found at ${percent(strict.falseShare)} false (score ${strict.threshold}) | requests | found at ${percent(loose.falseShare)} false (score ${loose.threshold}) | requests | found by default, ${percent(byDefault.falseShare)} false (score ${byDefault.threshold}) | requests |\n|---|---|---|---|---|---|---|---|---|\n${rowsOf(strict, loose, byDefault)}`,
    `Of the log alone ${percent(strict.falseShareOfLog)}, ${percent(loose.falseShareOfLog)} and ${percent(byDefault.falseShareOfLog)} were at these scores. "Requests" is the median until the first answer, late answers included. Few callers of the log leave probation, in which only limits and proofs count: its share says little of the learned signals. Thresholds are chosen on the same traffic, one seed; the generated traffic and the attacks were written with the signals in view, so other traffic will do worse.`,
  ]
}

function rowsOf(strict: Operation, loose: Operation, byDefault: Operation): string {
  return strict.recalls
    .map(({ kind, isFast, attacks }, at) => {
      const cells = [strict, loose, byDefault].flatMap(({ recalls }) => {
        const { found = 0, medianRequests } = recalls[at] ?? {}
        return [percent(found, 0), String(medianRequests ?? '–')]
      })
      return `| ${[kind, isFast ? 'fast' : 'slow', String(attacks), ...cells].join(' | ')} |`
    })
    .join('\n')
}

function velocityPart(velocity: VelocityFigures | undefined): string[] {
  if (velocity === undefined) return ['## Velocity', 'The labelled series are not there: not measured.']
  const { series, own, best, leftOut } = velocity
  return [
    '## Velocity',
    `The detector on ${series} series of the Numenta Anomaly Benchmark, standard profile: ${own.normalised.toFixed(1)} at its own alarm (${own.found} of ${own.windows} windows, ${own.falseAlarms} false alarms), ${best.normalised.toFixed(1)} at the best single threshold, ${leftOut.toFixed(1)} with each series at the threshold that suits the others. How its settings were chosen, and what that is worth on series it was not chosen on: decision 052.`,
  ]
}

function poisoningPart(poisoning: readonly Poisoning[]): string[] {
  const rows = poisoning.map(
    ({ growth, bought, answeredDays }) => `| ${percent(growth - 1, 0)} | ${bought.toFixed(1)} | ${answeredDays} |`,
  )
  return [
    '## Patience',
    'An agent that sends 20 requests in one minute a day, and after five days more of them each day, for thirty days.',
    `| growth a day | greatest minute without an answer, in times of the first | days with an answer |\n|---|---|---|\n${rows.join('\n')}`,
  ]
}

function costPart({ agents, bytesPerAgent, microsecondsPerRequest }: Cost): string[] {
  return [
    '## Cost',
    `${Math.round(bytesPerAgent)} bytes for each of ${agents} agents, ${microsecondsPerRequest.toFixed(1)} µs for a warm request, the making of the request and its end included.`,
  ]
}

function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`
}
