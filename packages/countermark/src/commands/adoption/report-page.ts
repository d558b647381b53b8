import type { AdoptionReport } from './adoption-report.ts'
import { describeCaller } from './adoption-tally.ts'
import type { Trend } from './trend.ts'

/** A report as one HTML document: no script, nothing that it loads, every text of a caller escaped. */
export function reportPage(report: AdoptionReport): string {
  const { from = 'never', until = 'never', requests, passing, wouldBeRefused, refused } = report
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>countermark: who would be refused</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Who would be refused</h1>
<p>${time(from)} to ${time(until)}</p>
<ul class="figures">
${figure(`${passing} %`, 'of requests pass')}
${figure(requests, 'requests')}
${figure(wouldBeRefused, 'would be refused')}
${figure(refused, 'were refused')}
</ul>
${nextSteps(report)}
${refusals(report)}
${ready(report)}
${apiKeys(report)}
</body>
</html>
`
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 0 0 1rem }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }
td.count { text-align: right; font-variant-numeric: tabular-nums }
.figures { display: flex; flex-wrap: wrap; gap: 2rem; padding: 0; list-style: none }
.figures b { display: block; font-size: 1.8rem }
.claimed { opacity: .7 }
svg rect { fill: #c0392b }
dt { font-family: monospace; margin-top: .5rem }
`

function figure(value: number | string, what: string): string {
  return `<li><b>${escaped(String(value))}</b>${what}</li>`
}

function nextSteps({ next }: AdoptionReport): string {
  if (next.length === 0) return ''
  return `<h2>What to do next</h2>\n<ol>${next.map((step) => `<li>${escaped(step)}</li>`).join('')}</ol>`
}

function refusals({ refusals: groups }: AdoptionReport): string {
  if (groups.length === 0) return '<h2>Nothing was or would be refused</h2>'
  const rows = groups.map(({ caller, route, code, observed, refused, since, last, trend }) => [
    count(observed + refused),
    cell(describeCaller(caller), caller.proof),
    cell(route),
    `<td><a href="#${escaped(code)}">${escaped(code)}</a></td>`,
    `<td>${time(since)}</td><td>${time(last)}</td>`,
    `<td>${bars(trend)}</td>`,
  ])
  const codes = [...new Map(groups.map(({ code, fix }) => [code, fix]))]
  const fixes = codes.map(([code, fix]) => {
    return `<dt id="${escaped(code)}">${escaped(code)}</dt><dd>${escaped(fix)} <small>docs/refusals.md#${escaped(code)}</small></dd>`
  })
  const heading = ['Requests', 'Who', 'Where', 'Why', 'Since', 'Last', `By ${groups[0]?.trend.per ?? 'day'}`]
  return `<h2>Who, where and why</h2>\n${table(heading, rows)}\n<h2>How to mend it</h2>\n<dl>${fixes.join('\n')}</dl>`
}

function ready({ ready: { agents, quietDays, routes } }: AdoptionReport): string {
  const rows = [...routes.map((one) => ['route', one] as const), ...agents.map((one) => ['agent', one] as const)]
  if (rows.length === 0) return ''
  const cells = rows.map(([kind, { name, requests, quietSince }]) => [
    cell(kind) + cell(name),
    count(requests),
    `<td>${time(quietSince)}</td>`,
  ])
  const title = `Ready to enforce: nothing refused for ${quietDays} days`
  return `<h2>${title}</h2>\n${table(['', 'Name', 'Requests', 'Quiet since'], cells)}`
}

function apiKeys({ apiKeys: { announced, callers } }: AdoptionReport): string {
  const rows = callers.map(({ agent, share, requests, moved, last }) => [
    ...[cell(agent), cell(`${share} %`), count(requests), cell(`${moved} %`)],
    `<td>${time(last)}</td>`,
  ])
  const heading = ['Agent', 'Share', 'With a key', 'Moved', 'Last']
  const left = rows.length === 0 ? '' : `<h2>Left to migrate from API keys</h2>\n${table(heading, rows)}`
  if (announced === undefined) return left
  const { brownouts, deprecated = 'not announced', sunset = 'no end is set' } = announced
  const windows = brownouts.map(({ from, until }) => `<li>brownout ${time(from)} to ${time(until)}</li>`)
  return `${left}\n<p>API keys: deprecated ${time(deprecated)}, sunset ${time(sunset)}</p>\n<ul>${windows.join('')}</ul>`
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heading.map((text) => `<th>${escaped(text)}</th>`).join('')
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.map((row) => `<tr>${row.join('')}</tr>`).join('\n')}</tbody></table>`
}

function cell(text: string, kind = ''): string {
  return `<td${kind === 'claimed' ? ' class="claimed"' : ''}>${escaped(text)}</td>`
}

function count(value: number): string {
  return `<td class="count">${value}</td>`
}

const BAR = 4
const HEIGHT = 24
const LONGEST = 60

function bars({ points }: Trend): string {
  const shown = points.slice(-LONGEST)
  const most = Math.max(1, ...shown.map(({ count: times }) => times))
  const rects = shown.map(({ count: times, from }, index) => {
    const height = Math.ceil((times / most) * HEIGHT)
    const title = `<title>${escaped(from.slice(0, 16))}: ${times}</title>`
    return `<rect x="${index * BAR}" y="${HEIGHT - height}" width="${BAR - 1}" height="${height}">${title}</rect>`
  })
  return `<svg width="${shown.length * BAR}" height="${HEIGHT}" role="img">${rects.join('')}</svg>`
}

function time(iso: string): string {
  const text = iso.slice(0, 16).replace('T', ' ')
  return `<time datetime="${escaped(iso)}">${escaped(text)}</time>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
