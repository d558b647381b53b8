/** How often something happened, over time. */
export interface TrendPoint {
  /** ISO 8601: the beginning of the hour or the day, UTC. */
  readonly from: string
  readonly count: number
}

/** A trend as it is reported. */
export interface Trend {
  readonly per: 'hour' | 'day'
  readonly points: readonly TrendPoint[]
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** More hours than this are told by day. */
const MOST_HOURS = 72
const MOST_DAYS = 366

/** Counts by hour, and by day once there are many: in bounded memory. */
export class TrendCount {
  private unitMs = HOUR_MS
  private counts = new Map<number, number>()

  add(atMs: number): void {
    this.count(Math.floor(atMs / this.unitMs), 1)
    if (this.unitMs === HOUR_MS && this.counts.size > MOST_HOURS) this.countByDay()
    if (this.counts.size > MOST_DAYS) this.counts.delete(Math.min(...this.counts.keys()))
  }

  /** Every hour or day between two moments, those without a count too; days where that would be many hours. */
  read(fromMs: number, untilMs: number): Trend {
    if (this.unitMs === HOUR_MS && untilMs - fromMs > MOST_HOURS * HOUR_MS) this.countByDay()
    const [first, last] = [Math.floor(fromMs / this.unitMs), Math.floor(untilMs / this.unitMs)]
    const length = Math.min(last - first + 1, MOST_DAYS)
    const points = Array.from({ length }, (_, index) => {
      const unit = last - length + 1 + index
      return { from: new Date(unit * this.unitMs).toISOString(), count: this.counts.get(unit) ?? 0 }
    })
    return { per: this.unitMs === HOUR_MS ? 'hour' : 'day', points }
  }

  private countByDay(): void {
    const hours = this.counts
    this.unitMs = DAY_MS
    this.counts = new Map()
    for (const [hour, count] of hours) this.count(Math.floor((hour * HOUR_MS) / DAY_MS), count)
  }

  private count(unit: number, by: number): void {
    this.counts.set(unit, (this.counts.get(unit) ?? 0) + by)
  }
}
