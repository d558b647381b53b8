import { layOut, paint, say, type Terminal } from '../terminal.ts'
import type { AdoptionReport } from './adoption-report.ts'
import { describeCaller } from './adoption-tally.ts'
import type { Trend } from './trend.ts'

const MOST_ROWS = 20

/** Writes a report for a person. */
export function tellReport(terminal: Terminal, report: AdoptionReport): void {
  const { from = 'never', until = 'never', requests, passing, wouldBeRefused, refused } = report
  say(terminal, `${requests} requests, ${from} to ${until}`)
  const share = paint(terminal, wouldBeRefused + refused === 0 ? 'good' : 'warning', `${passing} %`)
  say(terminal, `${share} pass, ${wouldBeRefused} would be refused, ${refused} were refused`)
  tellRefusals(terminal, report)
  tellReady(terminal, report)
  tellKeys(terminal, report)
  if (report.next.length > 0) say(terminal, '', paint(terminal, 'strong', 'What to do next'))
  for (const [index, step] of report.next.entries()) say(terminal, `${index + 1}. ${step}`)
}

function tellRefusals(terminal: Terminal, { refusals }: AdoptionReport): void {
  if (refusals.length === 0) return
  const rows = refusals
    .slice(0, MOST_ROWS)
    .map(({ caller, route, code, observed, refused, since, trend }) => [
      ...[String(observed + refused), describeCaller(caller), route, paint(terminal, 'bad', code), minute(since)],
      sparkline(trend),
    ])
  const [per = 'day'] = refusals.map(({ trend }) => trend.per)
  const heading = ['REQUESTS', 'WHO', 'WHERE', 'WHY', 'SINCE', `BY ${per.toUpperCase()}`]
  say(terminal, '', paint(terminal, 'strong', 'Would be refused, or were'), ...layOut([heading, ...rows]))
  tellLeft(terminal, refusals.length)
  for (const code of new Set(refusals.slice(0, MOST_ROWS).map((one) => one.code))) {
    say(terminal, `${paint(terminal, 'bad', code)}: ${refusals.find((one) => one.code === code)?.fix}`)
    say(terminal, paint(terminal, 'quiet', `  docs/refusals.md#${code}; npx countermark explain ${code}`))
  }
}

function tellReady(terminal: Terminal, { ready }: AdoptionReport): void {
  const rows = [
    ...ready.routes.map((one) => ['route', one] as const),
    ...ready.agents.map((one) => ['agent', one] as const),
  ]
  if (rows.length === 0) return
  const title = `Ready to enforce: nothing refused for ${ready.quietDays} days`
  const cells = rows.slice(0, MOST_ROWS).map(([kind, { name, requests, quietSince }]) => {
    return [kind, paint(terminal, 'good', name), String(requests), minute(quietSince)]
  })
  say(terminal, '', paint(terminal, 'strong', title), ...layOut([['', 'NAME', 'REQUESTS', 'QUIET SINCE'], ...cells]))
  tellLeft(terminal, rows.length)
}

function tellKeys(terminal: Terminal, { apiKeys: { callers, announced } }: AdoptionReport): void {
  if (callers.length > 0) {
    const rows = callers.slice(0, MOST_ROWS).map(({ agent, share, requests, moved, last }) => {
      return [agent, `${share} %`, String(requests), `${moved} %`, minute(last)]
    })
    const heading = ['AGENT', 'SHARE', 'WITH KEY', 'MOVED', 'LAST']
    say(terminal, '', paint(terminal, 'strong', 'Left to migrate from API keys'), ...layOut([heading, ...rows]))
    tellLeft(terminal, callers.length)
  }
  if (announced === undefined) return
  const { deprecated = 'not announced', sunset = 'no end is set', brownouts } = announced
  say(terminal, '', `API keys: deprecated ${deprecated}, sunset ${sunset}`)
  for (const { from, until } of brownouts) say(terminal, `  brownout ${from} to ${until}`)
}

function tellLeft(terminal: Terminal, count: number): void {
  if (count > MOST_ROWS) say(terminal, paint(terminal, 'quiet', `and ${count - MOST_ROWS} more: --json has all`))
}

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
const LONGEST = 30

function sparkline({ points }: Trend): string {
  const counts = points.slice(-LONGEST).map(({ count }) => count)
  const most = Math.max(1, ...counts)
  return counts.map((count) => (count === 0 ? ' ' : BARS[Math.ceil((count / most) * BARS.length) - 1])).join('')
}

function minute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ')
}
