import type { TestAgent } from '@countermark/testing'
import { type Course, callOnce } from './course.ts'
import { inventedAgent, inventedAgentAndKeyId, inventedKeyId } from './flood.ts'
import { startGuardedProcess } from './guarded-process.ts'

/** What the courses about keys are made of. */
export interface KeyCoursesInput {
  readonly registryUrl: string
  /** @default courses with a second level are left out */
  readonly redisUrl: string | undefined
  readonly agents: readonly TestAgent[]
}

const SAME_NETWORK = '203.0.113.99'

/** Strangers who invent ids, so that the application asks its registry for them. */
export function createKeyCourses({ registryUrl, redisUrl, agents }: KeyCoursesInput): readonly Course[] {
  const app = { registryUrl }
  const plain = { setup: 'registry', app }
  const sameNetwork = { setup: 'registry, agents in the network of the flood', app, agentsFrom: SAME_NETWORK }
  const courses: Course[] = [
    { ...plain, flood: 'none', perSecond: 0, make: () => inventedKeyId() },
    { ...sameNetwork, flood: '20/s invented key ids', perSecond: 20, make: () => inventedKeyId() },
    { ...sameNetwork, flood: '20/s invented agents', perSecond: 20, make: () => inventedAgent() },
    { ...sameNetwork, flood: '20/s invented agents and key ids', perSecond: 20, make: () => inventedAgentAndKeyId() },
    { ...sameNetwork, flood: '200/s invented key ids', perSecond: 200, make: () => inventedKeyId() },
    { ...plain, flood: '200/s invented key ids', perSecond: 200, make: () => inventedKeyId() },
    {
      ...{ setup: 'registry, preloaded', app: { ...app, keys: { preload: true } }, agentsFrom: SAME_NETWORK },
      ...{ flood: '200/s invented key ids', perSecond: 200, make: () => inventedKeyId() },
    },
  ]
  if (redisUrl === undefined) return courses
  const shared = { ...app, redisUrl }
  const prepare = (): Promise<void> => fillSecondLevel(shared, agents)
  const second = { setup: 'registry, second level filled', app: shared, agentsFrom: SAME_NETWORK, prepare }
  return [
    ...courses,
    { ...second, flood: '20/s invented key ids', perSecond: 20, make: () => inventedKeyId() },
    { ...second, flood: '200/s invented key ids', perSecond: 200, make: () => inventedKeyId() },
  ]
}

/** Another process that has seen all agents. */
async function fillSecondLevel(app: Course['app'], agents: readonly TestAgent[]): Promise<void> {
  const { port, stop } = await startGuardedProcess(app)
  for (const agent of agents) await callOnce(port, agent, SAME_NETWORK)
  await stop()
}
