import { parser } from '@prometheus-io/lezer-promql'

/** What the rules look at of Grafana's JSON. */
export interface LintedDashboard {
  readonly title: string
  readonly templating: { readonly list: readonly LintedVariable[] }
  readonly panels: readonly LintedPanel[]
}

interface LintedVariable {
  readonly name: string
  readonly label?: string
  readonly type: string
  readonly query?: string
  readonly datasource?: { readonly uid?: string }
  readonly multi?: boolean
  readonly allValue?: string
}

/** A panel, or the heading of a row. */
export interface LintedPanel {
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly datasource?: { readonly uid?: string }
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
  readonly targets?: readonly { readonly expr: string; readonly refId?: string }[]
}

/** Units of Grafana that these dashboards use. */
const UNITS: ReadonlySet<string> = new Set(['none', 's', 'percentunit', 'reqps', 'cps', 'cpm', 'ops'])

/** Whether an expression is PromQL, Grafana's variables filled in. */
export function isPromql(expr: string): boolean {
  let isValid = true
  parser.parse(fillIn(expr)).iterate({
    enter: ({ type }) => {
      if (type.isError) isValid = false
    },
  })
  return isValid
}

/** An expression as Prometheus gets it: an interval, every job and every instance. */
export function fillIn(expr: string, interval = '1m'): string {
  return expr
    .replaceAll('$__rate_interval', interval)
    .replaceAll('$__range', '1h')
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+')
}

type Rule = (dashboard: LintedDashboard) => readonly string[]

const queryPanels = ({ panels }: LintedDashboard): readonly LintedPanel[] => panels.filter(({ type }) => type !== 'row')

const eachPanel =
  (holds: (panel: LintedPanel) => boolean): Rule =>
  (dashboard) =>
    queryPanels(dashboard).flatMap((panel) => (holds(panel) ? [] : [panel.title ?? '(no title)']))

const eachExpression =
  (holds: (expr: string) => boolean): Rule =>
  (dashboard) =>
    queryPanels(dashboard).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr).filter((expr) => !holds(expr)))

const hasLabelVariable =
  (name: string): Rule =>
  ({ templating }) => {
    const found = templating.list.find((variable) => variable.name === name)
    const { label, datasource, multi, allValue, type } = found ?? { type: '' }
    const isRight = label === name && datasource?.uid === '$datasource' && multi === true && allValue === '.+'
    return isRight && type === 'query' ? [] : [name]
  }

/** The label matchers of every selector of a metric. */
function matchersIn(expr: string): readonly string[] {
  return [...expr.matchAll(/countermark_[a-z0-9_]+(\{[^}]*\})?/g)].map(([, matchers = '']) => matchers)
}

/** The rules of Grafana's dashboard-linter, by the names they have there. Each gives what breaks it. */
export const LINT_RULES: Readonly<Record<string, Rule>> = {
  'template-datasource-rule': ({ templating }) => {
    const [only, ...more] = templating.list.filter(({ type }) => type === 'datasource')
    const isRight = only?.name === 'datasource' && only.label === 'Data Source' && only.query === 'prometheus'
    return isRight && more.length === 0 ? [] : ['datasource']
  },
  'template-job-rule': hasLabelVariable('job'),
  'template-instance-rule': hasLabelVariable('instance'),
  'template-label-promql-rule': ({ templating }) =>
    templating.list.flatMap(({ type, query = '' }) => {
      if (type !== 'query') return []
      const selector = /^label_values\((.+), *[a-z_]+\)$/.exec(query)?.[1]
      return selector !== undefined && isPromql(selector) ? [] : [query]
    }),
  'panel-datasource-rule': eachPanel(({ datasource }) => datasource?.uid === '$datasource'),
  'panel-title-description-rule': eachPanel(({ title = '', description = '' }) => title !== '' && description !== ''),
  'panel-units-rule': eachPanel(({ fieldConfig }) => UNITS.has(fieldConfig?.defaults?.unit ?? '')),
  'target-promql-rule': eachExpression(isPromql),
  'target-rate-interval-rule': eachExpression((expr) => !/\b(?:rate|irate)\([^[]*\[(?!\$__rate_interval\])/.test(expr)),
  'target-job-rule': eachExpression((expr) => matchersIn(expr).every((all) => /\bjob=~"\$job"/.test(all))),
  'target-instance-rule': eachExpression((expr) =>
    matchersIn(expr).every((all) => /\binstance=~"\$instance"/.test(all)),
  ),
}
