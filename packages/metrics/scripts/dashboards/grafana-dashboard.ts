import * as common from '@grafana/grafana-foundation-sdk/common'
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { type Dashboard, DEFAULT_PREFIX, type Panel, type Query } from './panel.ts'

const DATASOURCE = { type: 'prometheus', uid: '$datasource' }
const SIZES: Readonly<Record<Panel['kind'], { readonly width: number; readonly height: number }>> = {
  stat: { width: 4, height: 4 },
  timeseries: { width: 12, height: 9 },
  table: { width: 12, height: 9 },
}

/** Turns a dashboard into the JSON that Grafana provisions (schema version 42), with ids and reference ids filled in. */
export function toGrafana({ uid, title, description, rows }: Dashboard): grafana.Dashboard {
  const builder = new grafana.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['countermark'])
    .readonly()
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .variables(createVariables())
    .link(
      new grafana.DashboardLinkBuilder('countermark').type(grafana.DashboardLinkType.Dashboards).tags(['countermark']),
    )
  for (const row of rows) {
    builder.withRow(new grafana.RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(toPanel(panel, row.part))
  }
  return withIds(builder.build())
}

function createVariables(): (grafana.DatasourceVariableBuilder | grafana.QueryVariableBuilder)[] {
  return [
    new grafana.DatasourceVariableBuilder('datasource').label('Data Source').type('prometheus'),
    labelVariable('job', `label_values(${DEFAULT_PREFIX}build_info, job)`),
    labelVariable('instance', `label_values(${DEFAULT_PREFIX}build_info{job=~"$job"}, instance)`),
  ]
}

function labelVariable(name: string, query: string): grafana.QueryVariableBuilder {
  return new grafana.QueryVariableBuilder(name)
    .label(name)
    .query(query)
    .datasource(DATASOURCE)
    .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
    .sort(grafana.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
}

type AnyBuilder = StatBuilder | TableBuilder | TimeseriesBuilder

function toPanel(panel: Panel, part: string): AnyBuilder {
  const { width, height } = SIZES[panel.kind]
  const builder = BUILDERS[panel.kind](panel)
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .unit(panel.unit)
    .thresholds(toThresholds(panel.thresholds))
    .span(width)
    .height(height)
    .noValue(panel.noValue ?? `no data: metrics of ${part} are not switched on`)
  for (const query of panel.queries) builder.withTarget(toTarget(query))
  return builder
}

const BUILDERS: Readonly<Record<Panel['kind'], (panel: Panel) => AnyBuilder>> = {
  stat: () => new StatBuilder().reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull'])),
  table: () =>
    new TableBuilder().withTransformation({ id: 'organize', options: { excludeByName: { Time: true, job: true } } }),
  timeseries: ({ stacked = false }) =>
    new TimeseriesBuilder()
      .fillOpacity(stacked ? 30 : 5)
      .showPoints(common.VisibilityMode.Never)
      .stacking(
        new common.StackingConfigBuilder().mode(stacked ? common.StackingMode.Normal : common.StackingMode.None),
      )
      .min(0)
      .legend(
        new common.VizLegendOptionsBuilder()
          .showLegend(true)
          .displayMode(common.LegendDisplayMode.List)
          .placement(common.LegendPlacement.Bottom),
      ),
}

function toThresholds(limits: Panel['thresholds']): grafana.ThresholdsConfigBuilder {
  const steps: grafana.Threshold[] = [{ value: null, color: 'green' }]
  if (limits !== undefined) steps.push({ value: limits[0], color: 'orange' }, { value: limits[1], color: 'red' })
  return new grafana.ThresholdsConfigBuilder().mode(grafana.ThresholdsMode.Absolute).steps(steps)
}

function toTarget({ expr, legend, instant = false }: Query): DataqueryBuilder {
  const builder = new DataqueryBuilder().datasource(DATASOURCE).expr(expr).legendFormat(legend)
  return instant ? builder.instant().format(PromQueryFormat.Table) : builder.range()
}

/** The SDK leaves these to Grafana's editor, which would write other ones into every export. */
function withIds(dashboard: grafana.Dashboard): grafana.Dashboard {
  for (const [index, panel] of (dashboard.panels ?? []).entries()) {
    panel.id = index + 1
    if (!('targets' in panel)) continue
    for (const [at, target] of (panel.targets ?? []).entries()) Object.assign(target, { refId: 'ABCDEFGH'[at] })
  }
  return dashboard
}
