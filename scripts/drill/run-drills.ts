import { setTimeout as wait } from 'node:timers/promises'
import { advance, type Course, createCourse, isOver, nameOf, type Sight } from './course.ts'
import type { Drill } from './drill.ts'

/** What drills are watched with. */
export interface Watch {
  readonly look: () => Promise<Sight>
  /** Told what happens to an alert, as it happens. */
  readonly tell: (alert: string, what: string) => void
  readonly deadlineMs: number
}

const LOOK_EVERY_MS = 1000
const TRAFFIC_EVERY_MS = 1000

/** Brings everything about at once, and ends each drill as soon as its alert has arrived. */
export async function runDrills(
  drills: readonly Drill[],
  { look, tell, deadlineMs }: Watch,
): Promise<readonly Course[]> {
  const { firing } = await look()
  for (const drill of drills.filter((one) => firing.has(nameOf(one)))) {
    throw new Error(`${drill.alert} fires before anything has happened`)
  }
  const courses = drills.map(createCourse)
  await Promise.all([...drills.map(({ bring }) => bring()), watchUntilOver(courses, { look, tell, deadlineMs })])
  return courses
}

async function watchUntilOver(courses: readonly Course[], { look, tell, deadlineMs }: Watch): Promise<void> {
  const untilMs = Date.now() + deadlineMs
  while (Date.now() < untilMs && !courses.every(isOver)) {
    await wait(LOOK_EVERY_MS)
    const sight = await look()
    for (const course of courses) {
      const news = advance(course, sight)
      if (news !== undefined) tell(course.drill.alert, news)
      await endOnceArrived(course)
    }
  }
}

async function endOnceArrived(course: Course): Promise<void> {
  const { ending } = course.drill
  if (course.arrivedMs === undefined || course.endedMs !== undefined || !('end' in ending)) return
  course.endedMs = Date.now()
  await ending.end()
}

/** Sends the ordinary requests of every service each second; one that takes longer is waited for. */
export function startTraffic(drills: readonly Drill[]): { readonly stop: () => Promise<void> } {
  let isStopping = false
  const send = async (traffic: () => Promise<unknown>): Promise<void> => {
    while (!isStopping) {
      // Some of it fails: that is the drill.
      await traffic().catch(() => undefined)
      await wait(TRAFFIC_EVERY_MS)
    }
  }
  // Two alerts about one service need its traffic once.
  const byJob = new Map(drills.map(({ service, traffic }) => [service.job, traffic]))
  const running = [...byJob.values()].filter((traffic) => traffic !== undefined).map(send)
  const stop = async (): Promise<void> => {
    isStopping = true
    await Promise.all(running)
  }
  return { stop }
}
