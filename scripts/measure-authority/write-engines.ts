import type { EngineMeasured } from './measure-engine.ts'

const NAMES = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const

/** What was measured of authorities with many agents, as a section of a page. */
export function writeEngines(measured: readonly EngineMeasured[], agents: number): string {
  const row = (name: string, pick: (of: EngineMeasured) => string): string =>
    `| ${[name, ...measured.map(pick)].join(' | ')} |`
  const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
  const timed = ({ p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number }): string =>
    `${ms(p50Ms)}, ${ms(p99Ms)}`
  return [
    `${agents} agents, each with one key, one owner and one token; an authority in one process, its database and those who ask on the same machine. PostgreSQL runs without fsync, SQLite with it; the trail is a file that is synced.`,
    [
      `| | ${measured.map(({ engine }) => NAMES[engine]).join(' | ')} |`,
      `|---|${measured.map(() => '---|').join('')}`,
      row('rows of the registry for each agent', (of) => of.rowsPerAgent.toFixed(2)),
      row('bytes of it for each agent, with indexes', (of) => of.bytesPerAgent.toFixed(0)),
      row('start until it answers, empty', (of) => ms(of.emptyReadyMs)),
      row('start until it answers, full', (of) => ms(of.readyMs)),
      row('tokens a second, 16 agents at once', (of) => of.tokens.perSecond.toFixed(0)),
      row('one token: p50, p99', (of) => timed(of.tokens)),
      row('`/registry/{agent}`: p50, p99', (of) => timed(of.agent)),
      row('`/registry`: p50, longest', (of) => timed(of.listing)),
      row('`/registry`: agents, MB', (of) => `${of.listing.agents}, ${(of.listing.bytes / 1e6).toFixed(1)}`),
      row('status list with every tenth token revoked: p50, longest', (of) => timed(of.statusList)),
    ].join('\n'),
  ].join('\n\n')
}
