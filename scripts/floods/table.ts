import { cpus, loadavg } from 'node:os'
import type { Outcome } from './course.ts'

/** An earlier run, to stand beside. */
export type Earlier = ReadonlyMap<string, Outcome>

/** What tells a row from the others. */
export function nameOf({ flood, setup }: Pick<Outcome, 'flood' | 'setup'>): string {
  return `${flood} / ${setup}`
}

/** The outcomes as a page of docs/figures. */
export function writeTable(outcomes: readonly Outcome[], earlier: Earlier, commit: string): string {
  const day = new Date().toISOString().slice(0, 10)
  const model = cpus()[0]?.model ?? 'unknown'
  const rows = outcomes.map((outcome) => {
    const before = earlier.get(nameOf(outcome))
    const { flood, setup, sent, registryAsked, ends, good } = outcome
    const later = Math.round((100 * (ends['late'] ?? 0)) / good)
    return `| ${flood} | ${setup} | ${before === undefined ? '–' : shareOf(before)} | ${shareOf(outcome)} | ${later} % | ${sent} | ${registryAsked} |`
  })
  return [
    '# Floods',
    '',
    `${day}, commit ${commit}, Node ${process.version}, ${cpus().length} × ${model}, load ${Math.round(loadavg()[0] ?? 0)}.`,
    '`npm run floods`: an Express application in a process of its own, a registry on the same machine, real HTTP. Each of',
    `${outcomes[0]?.good ?? 0} registered agents calls once, for the first time, 60 ms apart, 1.5 s after the flood began.`,
    '',
    '| flood | setup | served within 1 s, before | served within 1 s | served later | hostile requests | registry asked |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function shareOf({ servedWithinASecond, good }: Outcome): string {
  return `${Math.round((100 * servedWithinASecond) / good)} %`
}
