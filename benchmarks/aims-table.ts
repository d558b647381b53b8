import { AIMS, type Aim, type Goal, type Measure, START_AIMS, type StartAim } from './aims.ts'
import type { Figures } from './figures.ts'
import { toTable } from './markdown-table.ts'
import type { StartCosts } from './start-costs.ts'

type FiguresByName = ReadonlyMap<string, Figures>

const HEADER = ['aim', 'at', 'measured', 'by one fixed message', '', 'moonshot', 'measured', '', 'best peer']

/** What was to be reached, beside what was measured; what this run did not measure is left out. */
export function createAimsTable(figures: FiguresByName, start: StartCosts): string {
  const rows = AIMS.flatMap((aim) => (figures.has(aim.goal.variant) ? [aimRow(aim, figures)] : []))
  const startRows = START_AIMS.flatMap((aim) => startRow(aim, start))
  return toTable(HEADER, [...rows, ...startRows])
}

function aimRow({ about, measure, goal, moonshot, peers = [] }: Aim, figures: FiguresByName): readonly string[] {
  const value = measuredOf(goal, measure, figures)
  const { fixedUnit = 1 } = figures.get(goal.variant) ?? {}
  const byFixed = measure === 'share' ? '' : (value / fixedUnit).toFixed(2)
  const cells = [about, bound(goal.at, measure), value.toFixed(2), byFixed, verdict(goal.at, value, measure)]
  return [...cells, ...moonshotCells(moonshot, measure, figures), bestPeer(peers, measure, figures)]
}

function moonshotCells(goal: Goal | undefined, measure: Measure, figures: FiguresByName): readonly string[] {
  if (goal === undefined) return ['', '', '']
  if (!figures.has(goal.variant)) return [bound(goal.at, measure), '', 'not measured']
  const value = measuredOf(goal, measure, figures)
  return [bound(goal.at, measure), value.toFixed(2), verdict(goal.at, value, measure)]
}

function bestPeer(peers: readonly string[], measure: Measure, figures: FiguresByName): string {
  const measured = peers.filter((peer) => figures.has(peer))
  const ranked = measured
    .map((peer) => ({ peer, value: measuredOf({ variant: peer }, measure, figures) }))
    .toSorted((a, b) => (measure === 'share' ? b.value - a.value : a.value - b.value))
  const [best] = ranked
  return best === undefined ? '' : `${best.value.toFixed(2)} ${best.peer.replace(/^[^+]*\+/, '')}`
}

function measuredOf({ variant }: Pick<Goal, 'variant'>, measure: Measure, figures: FiguresByName): number {
  return figures.get(variant)?.[measure] ?? Number.NaN
}

function bound(at: number, measure: Measure): string {
  return `${measure === 'share' ? '≥' : '≤'} ${at}`
}

function verdict(at: number, value: number, measure: Measure): string {
  return (measure === 'share' ? value >= at : value <= at) ? 'met' : '**missed**'
}

function startRow({ about, row, at, moonshot, peer }: StartAim, start: StartCosts): readonly (readonly string[])[] {
  const value = start.get(row)
  if (value === undefined) return []
  const hoped = moonshot === undefined ? [] : [`≤ ${moonshot}`, value.toFixed(1), verdict(moonshot, value, 'units')]
  const other = peer === undefined ? undefined : start.get(peer)
  const cells = [about, `≤ ${at}`, value.toFixed(1), '', verdict(at, value, 'units'), ...hoped]
  return [other === undefined ? cells : [...cells, `${other.toFixed(1)} ${peer?.replace('import of ', '')}`]]
}
