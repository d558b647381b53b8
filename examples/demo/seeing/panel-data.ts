import { fillIn, readDashboards } from './dashboard-files.ts'
import type { StartedPrometheus } from './prometheus.ts'

/** Which panels show something. */
export interface PanelData {
  readonly panels: number
  readonly queries: number
  /** `dashboard: panel: query` of those that find no series at all. */
  readonly empty: readonly string[]
}

/** The scenes of behaviour run on guards of their own that no Prometheus asks: these panels have nothing to show here. */
export const NOT_ASKED = 'countermark / Behaviour'

/** Asks a Prometheus every query of every panel of every dashboard, but for `NOT_ASKED`. */
export async function readPanelData(prometheus: StartedPrometheus, intervalSeconds: number): Promise<PanelData> {
  const queries = readDashboards()
    .filter(({ title }) => title !== NOT_ASKED)
    .flatMap(({ title, panels }) =>
      panels.flatMap((panel) =>
        (panel.targets ?? []).map(({ expr }) => ({
          name: `${title}: ${panel.title}: ${expr}`,
          panel: panel.title,
          expr,
        })),
      ),
    )
  const empty: string[] = []
  for (const { name, expr } of queries) {
    const found = await prometheus.query(fillIn(expr, intervalSeconds))
    if (found.length === 0) empty.push(name)
  }
  return { panels: new Set(queries.map(({ panel }) => panel)).size, queries: queries.length, empty }
}
