import { ALERTS } from '../../packages/metrics/scripts/alerts/alerts.ts'
import type { Drill } from './drill.ts'
import type { Notice } from './webhook-receiver.ts'

/** How a drill goes, step by step. Times by the wall clock, in milliseconds. */
export interface Course {
  readonly drill: Drill
  /** Whom its severity is for. */
  readonly receiver: 'pager' | 'tickets'
  broughtMs: number
  firedMs?: number
  arrivedMs?: number
  endedMs?: number
  resolvedMs?: number
}

/** Begins a course. */
export function createCourse(drill: Drill): Course {
  const rule = ALERTS.find(({ name }) => name === drill.alert)
  if (rule === undefined) throw new Error(`there is no alert ${drill.alert}`)
  return { drill, receiver: rule.severity === 'page' ? 'pager' : 'tickets', broughtMs: Date.now() }
}

/** What can be seen at one moment: which alerts fire in Prometheus, as `name job`, and what came from Alertmanager. */
export interface Sight {
  readonly firing: ReadonlySet<string>
  /** Jobs whose last scrape worked: of others nothing is known, and their alerts seem to end. */
  readonly up: ReadonlySet<string>
  readonly notices: readonly Notice[]
}

/** Takes over what is seen; says what is new. */
export function advance(course: Course, { firing, up, notices }: Sight): string | undefined {
  const { drill, receiver, broughtMs } = course
  const own = notices.filter(({ alert, job }) => alert === drill.alert && job === drill.service.job)
  if (course.firedMs === undefined) {
    if (!firing.has(nameOf(drill))) return undefined
    course.firedMs = Date.now()
    return `fires after ${seconds(broughtMs, course.firedMs)}`
  }
  if (course.arrivedMs === undefined) {
    const notice = own.find(({ status }) => status === 'firing')
    if (notice === undefined || notice.receiver !== receiver) return undefined
    course.arrivedMs = notice.atMs
    return `reached ${receiver} after ${seconds(broughtMs, notice.atMs)}`
  }
  if (course.endedMs === undefined || course.resolvedMs !== undefined) return undefined
  const notice = own.findLast(({ receiver: by }) => by === receiver)
  if (notice?.status !== 'resolved' || firing.has(nameOf(drill)) || !up.has(drill.service.job)) return undefined
  course.resolvedMs = notice.atMs
  return `resolved ${seconds(course.endedMs, notice.atMs)} after its end`
}

/** Whether nothing more is to come. */
export function isOver({ drill, arrivedMs, resolvedMs }: Course): boolean {
  return 'lingers' in drill.ending ? arrivedMs !== undefined : resolvedMs !== undefined
}

/** How an alert of one service is told from the same one of another. */
export function nameOf({ alert, service }: Pick<Drill, 'alert' | 'service'>): string {
  return `${alert} ${service.job}`
}

/** Time between two moments, in words. */
export function seconds(fromMs: number, untilMs: number): string {
  return `${Math.round((untilMs - fromMs) / 1000)} s`
}
