import { cpus, loadavg } from 'node:os'
import type { Cost } from './cost.ts'
import type { VelocityFigures } from './nab/measure.ts'
import type { KindFigures, ModelFigures, Operation, Spread } from './operations.ts'
import type { Poisoning } from './poisoning.ts'

/** All that was measured in one run. */
export interface RiskRun {
  readonly seeds: readonly number[]
  readonly agents: number
  readonly days: number
  readonly skipped: number
  readonly commit: string
  readonly velocity: VelocityFigures | undefined
  readonly recall: readonly ModelFigures[]
  readonly poisoning: readonly Poisoning[]
  readonly cost: Cost
}

/** The figures as a page of docs/figures. */
export function writePage(run: RiskRun): string {
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, load ${Math.round(loadavg()[0] ?? 0)}`
  return [
    '# Behaviour',
    `${day}, commit ${run.commit}, seeds ${run.seeds.join(', ')}, Node ${process.version}, ${machine}. \`npm run measure:risk\`.`,
    ...recallPart(run),
    ...velocityPart(run.velocity),
    ...poisoningPart(run.poisoning),
    ...costPart(run.cost),
  ]
    .join('\n\n')
    .concat('\n')
}

function recallPart({ recall, agents, days, skipped }: RiskRun): string[] {
  return [
    '## Attacks among benign traffic',
    `Two models of traffic, built apart; ${agents} agents over ${days} days in each, a run for each seed, and the web server log in all (${skipped} of its lines are none). On the last day each agent is attacked once, with its own key. \`assessRisk\` with \`baseline: 'enforce'\` judges everything.`,
    'A fast attack is found when it is answered within 20 requests, a slow one when it is answered at all. A false throttle is a benign request at the threshold or above it. Thresholds are those with 0.1 % and 1 % false throttles on the first model, and are applied to the second as they are.',
    ...recall.flatMap(modelPart),
    '"Requests" is the median until the first answer, late answers included. Few callers of the log leave probation, in which only limits and proofs count: its share says little of the learned signals. Attacks and traffic were written by the same people as the signals, so other traffic will do worse.',
  ]
}

function modelPart({ model, benignRequests, refusedShare, strict, loose, byDefault }: ModelFigures): string[] {
  const operations = [strict, loose, byDefault]
  const heads = operations.map(({ threshold }, at) => `${HEADS[at]} (score ${threshold}) | requests`)
  const rows = strict.kinds.map(({ kind, isFast, attacks }, at) => {
    const cells = operations.flatMap(({ kinds }) => cellsOf(kinds[at]))
    return `| ${[kind, isFast ? 'fast' : 'slow', String(attacks), ...cells].join(' | ')} |`
  })
  return [
    `### The ${model} model`,
    `${benignRequests} benign requests; mean of the runs, and the worst one. False throttles: ${operations.map(falseOf).join('; ')}. The check refused ${spread(refusedShare, 3)} of the benign requests by itself.`,
    `| attack | pace | attacks | ${heads.join(' | ')} |\n|---|---|---|---|---|---|---|---|---|\n${rows.join('\n')}`,
  ]
}

const HEADS = ['strict', 'loose', 'default']

function falseOf({ falseShare, falseShareOfLog }: Operation, at: number): string {
  return `${HEADS[at]} ${spread(falseShare)} (of the log alone ${percent(falseShareOfLog)})`
}

function cellsOf(figures: KindFigures | undefined): string[] {
  if (figures === undefined) return ['–', '–']
  return [spread(figures.found, 0), String(figures.medianRequests ?? '–')]
}

function spread({ mean, worst }: Spread, digits = 2): string {
  return `${percent(mean, digits)}, worst ${percent(worst, digits)}`
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

function costPart({ agents, bytesPerAgent, warm, cold, allocated }: Cost): string[] {
  return [
    '## Cost',
    `${Math.round(bytesPerAgent)} bytes for each of ${agents} agents, their names included. One assessment: ${warm.toFixed(1)} µs of the processor among 100 agents, ${cold.toFixed(1)} µs among ${agents} in random order, where each is fetched from main memory; ${Math.round(allocated)} bytes are allocated, none of which survive. Time of the processor, not of the clock: with several processes at work the clock says as much again for each of them.`,
  ]
}

function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`
}
