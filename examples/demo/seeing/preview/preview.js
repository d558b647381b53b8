import uPlot from '/uplot.js'

const COLOURS = [
  '#73bf69',
  '#f2cc0c',
  '#5794f2',
  '#ff780a',
  '#b877d9',
  '#e02f44',
  '#37b3ac',
  '#ffa6b0',
  '#8ab8ff',
  '#c8f2c2',
]
const RANGE_SECONDS = 300
const INTERVAL_SECONDS = 15
const REFRESH_MS = 5000

const dashboards = await (await fetch('/dashboards.json')).json()
const tabs = document.querySelector('#tabs')
const board = document.querySelector('#board')
let shown =
  dashboards.find(({ uid }) => uid === location.hash.slice(1)) ?? dashboards.find(({ uid }) => uid.endsWith('overview'))

for (const dashboard of dashboards) {
  const button = document.createElement('button')
  button.textContent = dashboard.title.replace('countermark / ', '')
  button.addEventListener('click', () => {
    location.hash = dashboard.uid
    shown = dashboard
    void draw()
  })
  tabs.append(button)
}

async function draw() {
  for (const [index, dashboard] of dashboards.entries()) {
    tabs.children[index].toggleAttribute('aria-current', dashboard === shown)
  }
  const cards = await Promise.all(shown.panels.map((panel) => (panel.type === 'row' ? heading(panel) : card(panel))))
  board.replaceChildren(...cards.map(({ element }) => element))
  for (const { afterwards } of cards) afterwards?.()
}

function heading({ title }) {
  const element = document.createElement('h2')
  element.textContent = title
  return { element }
}

async function card(panel) {
  const element = document.createElement('section')
  element.style.gridColumn = `span ${panel.gridPos?.w ?? 12}`
  element.title = panel.description
  const title = document.createElement('h3')
  title.textContent = panel.title
  element.append(title)
  const found = (await Promise.all(panel.targets.map((target) => ask(panel, target)))).flat()
  if (found.length === 0) {
    element.append(textOf('none', panel.fieldConfig?.defaults?.noValue ?? 'no data'))
    return { element }
  }
  return { element, afterwards: DRAW[panel.type]?.(element, panel, found) }
}

const DRAW = { stat: drawStat, table: drawTable, timeseries: drawLines }

async function ask(panel, { expr, legendFormat = '' }) {
  const query = fill(expr)
  const end = Math.floor(Date.now() / 1000)
  const times = panel.type === 'timeseries' ? { start: end - RANGE_SECONDS, end, step: 2 } : { time: end }
  const path = panel.type === 'timeseries' ? '/api/v1/query_range' : '/api/v1/query'
  const answer = await (await fetch(`${path}?${new URLSearchParams({ query, ...times })}`)).json()
  return (answer.data?.result ?? []).map((series) => ({ ...series, name: nameOf(series.metric, legendFormat) }))
}

function fill(expr) {
  return expr
    .replaceAll('$__rate_interval', `${INTERVAL_SECONDS}s`)
    .replaceAll('$__range', `${RANGE_SECONDS}s`)
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+')
}

function nameOf(metric, legend) {
  return legend.replace(/\{\{ *(\w+) *\}\}/g, (_, label) => metric[label] ?? '') || 'value'
}

function drawStat(element, panel, found) {
  const value = Number(found[0].value[1])
  const node = textOf('value', format(value, panel.fieldConfig.defaults.unit))
  const steps = panel.fieldConfig.defaults.thresholds?.steps ?? []
  const step = steps.findLast((each) => each.value === null || value >= each.value)
  node.style.color = { green: '#73bf69', orange: '#ff9830', red: '#f2495c' }[step?.color] ?? ''
  element.append(node)
}

function drawTable(element, panel, found) {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].filter(
    (label) => label !== '__name__',
  )
  const table = document.createElement('table')
  const rows = [
    [...labels, 'value'],
    ...found.map(({ metric, value }) => [
      ...labels.map((label) => metric[label] ?? ''),
      format(Number(value[1]), panel.fieldConfig.defaults.unit),
    ]),
  ]
  for (const [index, cells] of rows.entries()) {
    const row = table.insertRow()
    for (const text of cells) {
      const cell = document.createElement(index === 0 ? 'th' : 'td')
      cell.textContent = text
      row.append(cell)
    }
  }
  const scroll = document.createElement('div')
  scroll.className = 'scroll'
  scroll.append(table)
  element.append(scroll)
}

function drawLines(element, panel, found) {
  const times = [...new Set(found.flatMap(({ values }) => values.map(([time]) => time)))].sort((a, b) => a - b)
  const columns = found.map(({ values }) => {
    const byTime = new Map(values.map(([time, value]) => [time, Number(value)]))
    return times.map((time) => (Number.isFinite(byTime.get(time)) ? byTime.get(time) : null))
  })
  const holder = document.createElement('div')
  element.append(holder, legendOf(found))
  const unit = panel.fieldConfig.defaults.unit
  return () =>
    new uPlot(
      {
        width: element.clientWidth - 22,
        height: 180,
        legend: { show: false },
        scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.1 : 1] } },
        axes: [
          { stroke: '#8e8e9c', grid: { stroke: '#2a2d33' } },
          {
            stroke: '#8e8e9c',
            grid: { stroke: '#2a2d33' },
            size: 70,
            values: (_, ticks) => ticks.map((tick) => format(tick, unit)),
          },
        ],
        series: [
          {},
          ...found.map(({ name }, index) => ({
            label: name,
            stroke: colour(index),
            width: 1.5,
            points: { show: false },
          })),
        ],
      },
      [times, ...columns],
      holder,
    )
}

function legendOf(found) {
  const legend = document.createElement('div')
  legend.className = 'legend'
  for (const [index, { name }] of found.entries()) {
    const entry = document.createElement('span')
    const mark = document.createElement('i')
    mark.style.background = colour(index)
    entry.append(mark, name)
    legend.append(entry)
  }
  return legend
}

function colour(index) {
  return COLOURS[index % COLOURS.length]
}

function textOf(className, text) {
  const node = document.createElement('div')
  node.className = className
  node.textContent = text
  return node
}

function format(value, unit) {
  if (!Number.isFinite(value)) return '–'
  if (unit === 's') return seconds(value)
  if (unit === 'percentunit') return `${(value * 100).toFixed(1)} %`
  const text = Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(2)
  return { reqps: `${text} req/s`, cps: `${text} /s`, cpm: `${text} /min`, ops: `${text} /s` }[unit] ?? text
}

function seconds(value) {
  const size = Math.abs(value)
  if (size < 0.001) return `${(value * 1e6).toFixed(0)} µs`
  if (size < 1) return `${(value * 1000).toFixed(1)} ms`
  if (size < 120) return `${value.toFixed(1)} s`
  return size < 172_800 ? `${(value / 3600).toFixed(1)} h` : `${(value / 86_400).toFixed(1)} d`
}

await draw()
setInterval(draw, REFRESH_MS)
document.body.dataset.ready = 'true'
