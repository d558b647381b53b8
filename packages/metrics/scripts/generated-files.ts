import { stringify } from 'yaml'
import { ALERTS, DEFAULT_RUNBOOKS, toAlertRules } from './alerts/alerts.ts'
import { RECORDINGS, toRecordingRules } from './alerts/recordings.ts'
import { AGENTS } from './dashboards/agents.ts'
import { BEHAVIOUR } from './dashboards/behaviour.ts'
import { DELEGATION } from './dashboards/delegation.ts'
import { toGrafana } from './dashboards/grafana-dashboard.ts'
import { KEYS } from './dashboards/keys.ts'
import { OVERVIEW } from './dashboards/overview.ts'
import { DEFAULT_PREFIX } from './dashboards/panel.ts'

/** Every dashboard, in the order in which people open them. */
export const DASHBOARDS = [OVERVIEW, AGENTS, KEYS, DELEGATION, BEHAVIOUR] as const

const NOTICE = '# Generated: npm run dashboards:generate. Edit packages/metrics/scripts instead.\n'

/** Names that a company may choose for itself. */
export interface Renaming {
  /** What all series are called. @default 'countermark_' */
  readonly prefix?: string | undefined
  /** Where runbooks are read. @default where they are installed */
  readonly runbooks?: string | undefined
}

/** What is generated, by path below packages/metrics. */
export function generateFiles(names: Renaming = {}): ReadonlyMap<string, string> {
  const { prefix = DEFAULT_PREFIX, runbooks = DEFAULT_RUNBOOKS } = names
  const files = new Map<string, string>()
  for (const dashboard of DASHBOARDS) {
    files.set(`grafana/dashboards/${dashboard.uid}.json`, `${JSON.stringify(toGrafana(dashboard), undefined, 2)}\n`)
  }
  files.set('prometheus/countermark.rules.yaml', toYaml(toRecordingRules(RECORDINGS)))
  files.set('prometheus/countermark.alerts.yaml', toYaml(toAlertRules(ALERTS)))
  const rename = (text: string): string =>
    text.replaceAll(DEFAULT_RUNBOOKS, runbooks).replaceAll(DEFAULT_PREFIX, prefix)
  return new Map([...files].map(([name, text]) => [name, rename(text)]))
}

function toYaml(value: object): string {
  return `${NOTICE}${stringify(value, { lineWidth: 0 })}`
}
